"""Calls AWS IAM of a moto server with boto3, which signs requests independently of the host.

    aws_iam.py URL setup
    aws_iam.py URL KEY_ID SECRET

`setup` makes three users with an access key each: `admin`, `reader` and `writer`, and a role with a temporary key:
`session`. It lets the server check every signature and permission from then on, and prints the keys as JSON. With an access key, each line of the input is a call as JSON:
a method of boto3's client, such as `get_user`, and its parameters. Each line of the output has the answer, or the error.
"""

import json
import sys
import urllib.request

import boto3
from botocore.config import Config

READS = ["iam:GetUser", "iam:ListMFADevices", "iam:ListAccessKeys", "iam:ListAttachedUserPolicies"]
WRITES = [
    "iam:AttachUserPolicy",
    "iam:DetachUserPolicy",
    "iam:DeactivateMFADevice",
    "iam:CreateAccessKey",
    "iam:UpdateAccessKey",
]
USERS = {"admin": ["iam:*"], "reader": READS, "writer": WRITES}


def client(url, key_id, secret, service="iam"):
    # Nothing is tried twice, and no configuration of the machine is read.
    config = Config(retries={"total_max_attempts": 1}, proxies={}, connect_timeout=5, read_timeout=20)
    session = boto3.session.Session(key_id, secret, region_name="us-east-1")
    return session.client(service, endpoint_url=url, config=config)


def unchecked(url, actions):
    """How many requests the server accepts without a check."""
    kind = {"content-type": "text/plain"}
    request = urllib.request.Request(f"{url}/moto-api/reset-auth", data=actions.encode(), headers=kind)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(request, timeout=20).read()


def allowed(actions):
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def temporary(iam, sts):
    """The access key of a role that may read, with the session token that belongs to it."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="session", AssumeRolePolicyDocument=document)["Role"]
    iam.put_role_policy(RoleName="session", PolicyName="of-the-tests", PolicyDocument=allowed(READS))
    key = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="of-the-tests")["Credentials"]
    return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"], "token": key["SessionToken"]}


def setup(url):
    unchecked(url, "inf")
    iam = client(url, "setup", "setup")
    keys = {}
    for name, actions in USERS.items():
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="of-the-tests", PolicyDocument=allowed(actions))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys[name] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    keys["session"] = temporary(iam, client(url, "setup", "setup", "sts"))
    unchecked(url, "0")
    return keys


def answer(iam, line):
    operation, parameters = json.loads(line)
    try:
        found = getattr(iam, operation)(**parameters)
    except Exception as error:
        return {"error": str(error)}
    found.pop("ResponseMetadata", None)
    return {"answer": found}


def main(url, *arguments):
    if arguments == ("setup",):
        print(json.dumps(setup(url)))
        return
    iam = client(url, *arguments)
    for line in sys.stdin:
        print(json.dumps(answer(iam, line), default=str), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
