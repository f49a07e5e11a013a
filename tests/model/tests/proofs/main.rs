//! What the model proves, and that it may be believed.

mod differential;
mod flaws;
mod properties;
mod stories;
