# Prepares an empty database of Redmine for the tests, by `rails runner`. tests/src/services/redmine.rs has the same
# keys.
ActiveRecord::MigrationContext.new(Rails.root.join("db/migrate").to_s, ActiveRecord::SchemaMigration).migrate
ActiveRecord::Base.descendants.each { |model| model.reset_column_information unless model.abstract_class? }
Redmine::DefaultData::Loader.load("en")
Setting.rest_api_enabled = 1
Setting.notified_events = []

tracker = Tracker.find_by!(name: "Support")
project = Project.create!(name: "Help desk", identifier: "helpdesk", is_public: false, trackers: [tracker])
field = IssueCustomField.create!(name: "deed action", field_format: "string", is_for_all: true, is_filter: true,
                                 trackers: [tracker])
raise "the field has the id #{field.id}" unless field.id == 1

# The permissions that contracts/redmine/README.md lists.
reads = %i[view_issues]
writes = %i[view_issues add_issues edit_issues add_issue_notes edit_own_issue_notes]
reader = Role.create!(name: "Reader", permissions: reads, issues_visibility: "all")
writer = Role.create!(name: "Writer", permissions: writes, issues_visibility: "all")
writer.copy_workflow_rules(Role.find_by!(name: "Manager"))

{ "reader" => reader, "writer" => writer, "guest" => nil, "own" => nil }.each do |login, role|
  user = User.new(firstname: login, lastname: "of the tests", mail: "#{login}@example.com", mail_notification: "none")
  user.login = login
  user.admin = login == "own"
  user.random_password
  user.must_change_passwd = false
  user.save!
  Member.create!(project: project, principal: user, roles: [role]) if role
  # The server chooses the value of a new key.
  Token.create!(user: user, action: "api").update_column(:value, "#{login}keyofthetestharness000001")
end
