//! What a token of the portal lets its holder do, in the words of the published shape.

/// One thing that a token of the portal lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Look, but not at secrets. Every token has it.
    ViewBase,
    /// Look at the secret of an endpoint.
    ViewEndpointSecret,
    /// Look at the secret of an endpoint and rotate it.
    ManageEndpointSecret,
    /// Change what is done to payloads. There are no such routes yet.
    ManageTransformations,
    /// Have messages sent again, those that are missing sent, and examples.
    CreateAttempts,
    /// Make, change and delete endpoints, with their secrets and header fields; skip and park deliveries,
    /// and look at who did.
    ManageEndpoint,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::ViewBase,
        Self::ViewEndpointSecret,
        Self::ManageEndpointSecret,
        Self::ManageTransformations,
        Self::CreateAttempts,
        Self::ManageEndpoint,
    ];

    /// As it stands in requests and answers.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::ViewBase => "ViewBase",
            Self::ViewEndpointSecret => "ViewEndpointSecret",
            Self::ManageEndpointSecret => "ManageEndpointSecret",
            Self::ManageTransformations => "ManageTransformations",
            Self::CreateAttempts => "CreateAttempts",
            Self::ManageEndpoint => "ManageEndpoint",
        }
    }

    /// The capability of a text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.text() == text)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(u8);

impl Capabilities {
    /// All that there are.
    #[must_use]
    pub fn all() -> Self {
        Capability::ALL.into_iter().collect()
    }

    /// To look, and nothing else.
    #[must_use]
    pub const fn view() -> Self {
        Self(Capability::ViewBase.bit())
    }

    /// Whether one is in it.
    #[must_use]
    pub const fn has(self, one: Capability) -> bool {
        self.0 & one.bit() != 0
    }

    /// Those in it, in the order of [`Capability::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL
            .into_iter()
            .filter(move |one| self.has(*one))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(all: I) -> Self {
        Self(all.into_iter().fold(0, |bits, one| bits | one.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        for one in Capability::ALL {
            assert_eq!(Capability::parse(one.text()), Some(one));
            let set = Capabilities::from_iter([one]);
            assert_eq!(set.iter().collect::<Vec<_>>(), [one]);
        }
        assert_eq!(Capabilities::all().iter().count(), 6);
        assert_eq!(
            Capabilities::view(),
            [Capability::ViewBase].into_iter().collect()
        );
        assert_eq!(Capability::parse("viewbase"), None);
    }
}
