//! The shapes of bodies and answers that have a name.

use serde_json::{Value, json};

use super::{
    bodies, caller_bodies,
    schema::{page, taken},
};

/// A shape that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server::v1) enum Shape {
    Application,
    ApplicationIn,
    ApplicationPatch,
    ApplicationPage,
    ApiKey,
    ApiKeyIn,
    NewApiKey,
    ApiKeyPage,
    PortalAccess,
    PortalAccessIn,
    Nothing,
    EventType,
    EventTypeIn,
    EventTypePut,
    EventTypePatch,
    EventTypePage,
    Endpoint,
    EndpointIn,
    EndpointPut,
    EndpointPatch,
    EndpointPage,
    EndpointHeaders,
    EndpointHeadersIn,
    EndpointHeadersPatch,
    EndpointSecret,
    SecretRotation,
    ExampleIn,
    EndpointStats,
    Message,
    MessageIn,
    MessagePage,
    MessageDelivery,
    MessageDeliveryPage,
    EndpointDelivery,
    EndpointDeliveryPage,
    Attempt,
    AttemptPage,
    Problem,
    ValidationProblem,
    Description,
}

impl Shape {
    /// All of them, in the order in which the description shows them.
    pub(super) const ALL: [Self; 40] = [
        Self::Application,
        Self::ApplicationIn,
        Self::ApplicationPatch,
        Self::ApplicationPage,
        Self::ApiKey,
        Self::ApiKeyIn,
        Self::NewApiKey,
        Self::ApiKeyPage,
        Self::PortalAccess,
        Self::PortalAccessIn,
        Self::Nothing,
        Self::EventType,
        Self::EventTypeIn,
        Self::EventTypePut,
        Self::EventTypePatch,
        Self::EventTypePage,
        Self::Endpoint,
        Self::EndpointIn,
        Self::EndpointPut,
        Self::EndpointPatch,
        Self::EndpointPage,
        Self::EndpointHeaders,
        Self::EndpointHeadersIn,
        Self::EndpointHeadersPatch,
        Self::EndpointSecret,
        Self::SecretRotation,
        Self::ExampleIn,
        Self::EndpointStats,
        Self::Message,
        Self::MessageIn,
        Self::MessagePage,
        Self::MessageDelivery,
        Self::MessageDeliveryPage,
        Self::EndpointDelivery,
        Self::EndpointDeliveryPage,
        Self::Attempt,
        Self::AttemptPage,
        Self::Problem,
        Self::ValidationProblem,
        Self::Description,
    ];

    /// As it is called in the description.
    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }

    /// What stands where it is used.
    pub(super) fn reference(self) -> Value {
        json!({ "$ref": format!("#/components/schemas/{self:?}") })
    }

    /// What it is.
    pub(super) fn schema(self) -> Value {
        match self {
            Self::Application => bodies::application(),
            Self::ApplicationIn => bodies::application_in(),
            Self::ApplicationPatch => bodies::application_patch(),
            Self::ApplicationPage => page(Self::Application),
            Self::ApiKey => caller_bodies::api_key(),
            Self::ApiKeyIn => caller_bodies::api_key_in(),
            Self::NewApiKey => caller_bodies::new_api_key(),
            Self::ApiKeyPage => page(Self::ApiKey),
            Self::PortalAccess => caller_bodies::portal_access(),
            Self::PortalAccessIn => caller_bodies::portal_access_in(),
            Self::Nothing => taken(&[], []),
            Self::EventType => bodies::event_type(),
            Self::EventTypeIn => bodies::event_type_in(),
            Self::EventTypePut => bodies::event_type_put(),
            Self::EventTypePatch => bodies::event_type_patch(),
            Self::EventTypePage => page(Self::EventType),
            Self::Endpoint => bodies::endpoint(),
            Self::EndpointIn => bodies::endpoint_in(),
            Self::EndpointPut => bodies::endpoint_put(),
            Self::EndpointPatch => bodies::endpoint_patch(),
            Self::EndpointPage => page(Self::Endpoint),
            Self::EndpointHeaders => bodies::endpoint_headers(),
            Self::EndpointHeadersIn => bodies::endpoint_headers_in(),
            Self::EndpointHeadersPatch => bodies::endpoint_headers_patch(),
            Self::EndpointSecret => bodies::endpoint_secret(),
            Self::SecretRotation => bodies::secret_rotation(),
            Self::ExampleIn => bodies::example_in(),
            Self::EndpointStats => bodies::endpoint_stats(),
            Self::Message => bodies::message(),
            Self::MessageIn => bodies::message_in(),
            Self::MessagePage => page(Self::Message),
            Self::MessageDelivery => bodies::message_delivery(),
            Self::MessageDeliveryPage => page(Self::MessageDelivery),
            Self::EndpointDelivery => bodies::endpoint_delivery(),
            Self::EndpointDeliveryPage => page(Self::EndpointDelivery),
            Self::Attempt => bodies::attempt(),
            Self::AttemptPage => page(Self::Attempt),
            Self::Problem => bodies::problem(),
            Self::ValidationProblem => bodies::validation_problem(),
            Self::Description => bodies::description(),
        }
    }
}
