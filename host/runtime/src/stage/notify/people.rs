//! Messages for the people of a tenant: by e-mail through the relay of the tenant, and to its chat.
//!
//! A relay and a chat each have a queue, so neither delays another one, and none of them delays an action.

mod chat;
mod counts;
mod letter;
mod mail;
mod outbox;
mod quoted;
mod sender;
mod shares;
mod smtp;

use std::collections::BTreeMap;
use std::sync::Arc;

use deed_record::lifecycle::story::Story;

pub(super) use self::counts::Counts;
use self::letter::Letter;
pub use self::letter::Notice;
use self::outbox::Outbox;
use self::sender::{Item, Sender, Way};
pub(super) use self::shares::{Shares, Taken};
use super::Common;
use crate::config::{Address, Channels, Config};

/// The queues of all tenants.
#[derive(Debug, Default)]
pub(super) struct People {
    tenants: BTreeMap<String, Boxes>,
    /// The URL below which people find the page of an action; `None` if people have no page.
    base: Option<String>,
}

/// The queues of one tenant.
#[derive(Debug)]
struct Boxes {
    mail: Option<Arc<Outbox>>,
    chat: Option<Arc<Outbox>>,
}

impl People {
    /// The queues of a configuration. A relay or chat that is configured as before keeps its queue.
    pub(super) fn new(config: &Config, common: &Common, before: Option<&Self>) -> Self {
        let tenants = config.tenants.iter().filter(|(_, tenant)| !tenant.channels.is_empty());
        let boxes = tenants.map(|(name, tenant)| {
            let known = before.and_then(|before| before.tenants.get(name));
            (name.clone(), Boxes::new(name, &tenant.channels, common, known))
        });
        Self { tenants: boxes.collect(), base: config.public_url.clone() }
    }

    /// How many messages a notice to these addresses has.
    pub(super) fn messages(&self, tenant: &str, to: &[Arc<Address>]) -> usize {
        let Some(boxes) = self.tenants.get(tenant) else { return 0 };
        let mails = boxes.mail.as_ref().map_or(0, |_| to.len());
        mails.saturating_add(usize::from(boxes.chat.is_some()))
    }

    /// Queues a message for each of these addresses, and one for the chat of the tenant.
    pub(super) fn tell(&self, notice: Notice, story: &Story, to: &[Arc<Address>], at_ms: i64) {
        let Some(boxes) = self.tenants.get(&story.bound.action.tenant) else { return };
        let letter = Arc::new(Letter::new(notice, story, at_ms, self.base.as_deref()));
        if let Some(mail) = &boxes.mail {
            for address in to {
                mail.push(Item { letter: Arc::clone(&letter), to: Some(Arc::clone(address)) });
            }
        }
        if let Some(chat) = &boxes.chat {
            chat.push(Item { letter, to: None });
        }
    }

    /// Counts the messages of a notice that is not sent.
    pub(super) fn count_dropped(&self, story: &Story, to: &[Arc<Address>]) {
        let Some(boxes) = self.tenants.get(&story.bound.action.tenant) else { return };
        if let Some(mail) = &boxes.mail {
            for _address in to {
                mail.count_dropped();
            }
        }
        if let Some(chat) = &boxes.chat {
            chat.count_dropped();
        }
    }

    /// Queues a message for this address that a request waits again.
    pub(super) fn tell_again(&self, story: &Story, to: &Arc<Address>, until_ms: i64) {
        let boxes = self.tenants.get(&story.bound.action.tenant);
        let Some(mail) = boxes.and_then(|boxes| boxes.mail.as_ref()) else { return };
        let letter = Letter::new(Notice::Again, story, until_ms, self.base.as_deref());
        mail.push(Item { letter: Arc::new(letter), to: Some(Arc::clone(to)) });
    }
}

impl Boxes {
    fn new(tenant: &str, channels: &Channels, common: &Common, known: Option<&Self>) -> Self {
        let outbox = |way: Way, known: Option<&Arc<Outbox>>| {
            if let Some(known) = known.filter(|known| known.is_for(&way)) {
                return Arc::clone(known);
            }
            Arc::new(Outbox::new(Sender::new(tenant, way, common), &common.notices))
        };
        let mail = channels.mail.as_ref().map(|relay| Way::Mail(Arc::clone(relay)));
        let chat = channels.chat.as_ref().map(|chat| Way::Chat(Arc::clone(chat)));
        Self {
            mail: mail.map(|way| outbox(way, known.and_then(|known| known.mail.as_ref()))),
            chat: chat.map(|way| outbox(way, known.and_then(|known| known.chat.as_ref()))),
        }
    }
}
