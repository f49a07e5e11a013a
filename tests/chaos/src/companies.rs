//! Companies with a WhatsApp number each, installed and connected by their owners in fair weather.

use local::{
    bundle::Bundle,
    owner::OwnerError,
    simulators::{
        graph::Number,
        pipedrive::{Company, User},
    },
};
use shared::model::ids::{CompanyId, UserId};

/// How often something is tried.
const TRIES: usize = 10;

/// A company.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// Its id.
    pub(crate) company: CompanyId,
    /// Who installed the app.
    pub(crate) owner: UserId,
    /// Where its customers write to.
    pub(crate) number: Number,
}

/// Founds `count` companies.
pub(crate) async fn found(bundle: &Bundle, count: usize) -> Result<Vec<Home>, OwnerError> {
    let mut homes = Vec::with_capacity(count);
    for n in (0_u64..).take(count) {
        let (company, owner) = (CompanyId(2_000 + n), UserId(100 + n));
        bundle.pipedrive().add_company(Company {
            id: company,
            name: format!("Company {n}"),
            domain: format!("company-{n}"),
            suspended: false,
            users: vec![User { id: owner, name: format!("Owner {n}"), admin: true }],
        });
        let number = Number {
            id: format!("31{n:08}"),
            waba_id: format!("21{n:08}"),
            display: format!("+1 555-011-{n:04}"),
            verified_name: format!("Company {n}"),
            token: format!("EAACHAOS{n:012}"),
        };
        bundle.graph().add_number(number.clone());
        patiently(async || bundle.install(company, owner).await).await?;
        let session = bundle.session(company, owner).await?;
        patiently(async || bundle.connect(&session, "whatsapp", "WhatsApp", &number.credentials()).await).await?;
        homes.push(Home { company, owner, number });
    }
    Ok(homes)
}

/// Does what may be repeated until it succeeds, a few times: functions wait less for answers here than on Lambda, and a machine that
/// is busy with other things may be slower than that.
async fn patiently<T>(work: impl AsyncFn() -> Result<T, OwnerError>) -> Result<T, OwnerError> {
    for _ in 1..TRIES {
        if let Ok(done) = work().await {
            return Ok(done);
        }
    }
    work().await
}
