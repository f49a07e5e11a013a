//! Changes an input: as bytes by the `mutatis` library; as JSON, where it is JSON, by exchanging a value for a strange one or
//! for one of another input, so that what comes of it still gets past the first bracket. Everything follows from the seed.

use mutatis::{Context, Rng, Session, mutators};
use serde_json::{Value, json};

/// Longest input. Parsers take more; time is better spent on many small ones.
const MAX_BYTES: usize = 16 * 1024;
/// Most changes of one input.
const MAX_CHANGES: usize = 5;

/// Makes inputs of a corpus. Two with the same seed make the same ones.
pub struct Mutator {
    corpus: Vec<Vec<u8>>,
    values: Vec<Value>,
    session: Session,
}

impl Mutator {
    /// Over `corpus`.
    pub fn new(corpus: Vec<Vec<u8>>, seed: u64) -> Self {
        let values = corpus.iter().filter_map(|input| serde_json::from_slice(input).ok()).collect();
        Self { corpus, values, session: Session::new().seed(seed) }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let Self { corpus, values, session } = self;
        let mut input = Vec::new();
        let mut as_bytes = 0;
        // The library hands its random numbers to mutators alone, so choosing is one too.
        let mut choose = mutators::from_fn(|context: &mut Context, input: &mut Vec<u8>| {
            let rng = context.rng();
            let changes = 1 + rng.gen_index(MAX_CHANGES).unwrap_or_default();
            // Every third input of JSON is taken for bytes all the same.
            if let Some(value) = rng.choose(values.iter()).filter(|_| rng.gen_index(3) != Some(0)) {
                let mut value = value.clone();
                (0..changes).for_each(|_| exchange(&mut value, values, rng));
                *input = value.to_string().into_bytes();
            } else {
                *input = rng.choose(corpus.iter()).cloned().unwrap_or_default();
                as_bytes = changes;
            }
            Ok(())
        });
        // None of these mutators refuses anything.
        let _ = session.mutate_with(&mut choose, &mut input);
        for _ in 0..as_bytes {
            let _ = session.mutate(&mut input);
        }
        input.truncate(MAX_BYTES);
        input
    }
}

/// Exchanges a value somewhere in `whole`, takes it away, or says it twice.
fn exchange(whole: &mut Value, others: &[Value], rng: &mut Rng) {
    let mut place = whole;
    // A random walk down; the deeper, the fewer get there.
    loop {
        let children = size(place);
        let stop = children == 0 || rng.gen_index(4) == Some(0);
        if stop {
            break;
        }
        let Some(child) = rng.gen_index(children) else { break };
        if rng.gen_index(12) == Some(0) {
            return remove_or_repeat(place, child, rng);
        }
        match nth(place, child) {
            Some(_) => place = nth_mut(place, child),
            None => break,
        }
    }
    *place = strange(place, others, rng);
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    }
}

fn nth(value: &Value, n: usize) -> Option<&Value> {
    match value {
        Value::Array(items) => items.get(n),
        Value::Object(members) => members.values().nth(n),
        _ => None,
    }
}

fn nth_mut(value: &mut Value, n: usize) -> &mut Value {
    match value {
        Value::Array(items) => &mut items[n],
        Value::Object(members) => members.values_mut().nth(n).unwrap_or_else(|| unreachable!("it was counted")),
        other => other,
    }
}

fn remove_or_repeat(place: &mut Value, n: usize, rng: &mut Rng) {
    match place {
        Value::Array(items) if rng.gen_bool() => drop(items.remove(n)),
        Value::Array(items) => items.push(items[n].clone()),
        Value::Object(members) => {
            if let Some(name) = members.keys().nth(n).cloned() {
                let value = members.remove(&name).unwrap_or_default();
                if rng.gen_bool() {
                    members.insert(name.chars().rev().collect(), value);
                }
            }
        }
        _ => {}
    }
}

/// Something else than `value`.
fn strange(value: &Value, others: &[Value], rng: &mut Rng) -> Value {
    let text = value.as_str().unwrap_or_default();
    match rng.gen_index(24) {
        Some(0) => Value::Null,
        Some(1) => json!(rng.gen_bool()),
        Some(2) => json!(-1),
        Some(3) => json!(0),
        Some(4) => json!(u64::MAX),
        Some(5) => json!(i64::MIN),
        Some(6) => json!(1.0e308),
        Some(7) => json!(0.5),
        Some(8) => json!(""),
        Some(9) => json!(" \u{0}\u{feff}\u{202e}\n"),
        Some(10) => json!("😀".repeat(1 + rng.gen_index(300).unwrap_or_default())),
        Some(11) => json!("9".repeat(1 + rng.gen_index(40).unwrap_or_default())),
        Some(12) => json!([]),
        Some(13) => json!({}),
        Some(14) => json!([value]),
        Some(15) => json!({"id": value, "type": value, "text": value}),
        Some(16) => (0..100).fold(value.clone(), |inner, _| json!([inner])),
        Some(17) => json!(text.chars().rev().collect::<String>()),
        Some(18) => json!(format!("{text}{text}")),
        Some(19) => json!(text.chars().skip(text.chars().count() / 2).collect::<String>()),
        Some(20) => json!(value.to_string()),
        Some(21) => json!(rng.gen_i64()),
        // What stands somewhere in another input.
        _ => {
            let mut found = rng.choose(others.iter()).cloned().unwrap_or_default();
            while let Some(child) = rng.gen_index(size(&found)) {
                if rng.gen_index(5) == Some(0) {
                    break;
                }
                found = nth(&found, child).cloned().unwrap_or_default();
            }
            found
        }
    }
}
