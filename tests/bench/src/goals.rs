//! What the bundle sets itself, held against what was measured.

use crate::{
    cost,
    report::{Goal, Row, Table},
};

/// Endpoints that read and call nobody but AWS.
const READS: [&str; 5] = ["manifest", "get-conversations", "get-conversation-by-id", "get-message-by-id", "get-sender-by-id"];

/// The goals for which there are figures.
pub fn of(tables: &[Table]) -> Vec<Goal> {
    let reads = |row: &Row| READS.contains(&row.name.as_str());
    let others = |row: &Row| !reads(row) && row.name != FLOOR;
    let any = |row: &Row| row.name != FLOOR;
    let way_in = |row: &Row| row.name == format!("channels, in: {}", cost::ALL);
    let list = |row: &Row| row.name == "get-conversations";
    let all = |_: &Row| true;
    [
        worst(tables, "init of endpoints that only read, over an empty function's", ("functions", "init / floor"), 2.0, &reads),
        worst(tables, "init of the others, over an empty function's", ("functions", "init / floor"), 3.0, &others),
        worst(tables, "zip of endpoints that only read, MB", ("functions", "zip MB"), 2.5, &reads),
        worst(tables, "zip of any, MB", ("functions", "zip MB"), 3.5, &any),
        worst(tables, "processor time of the ClientHellos, ms", ("functions", "ClientHello CPU ms"), 1.0, &any),
        worst(tables, "30 conversations with 30 messages, over the bare calls", ("latency", "p50 / bare"), 1.15, &list),
        worst(tables, "time with the most in the table, over the least", ("growth", "largest / smallest"), 1.5, &all),
        worst(tables, "a million messages in and delivered by channels, US$", ("cost", "total $/M"), 8.0, &way_in),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The row that is no function of the bundle.
const FLOOR: &str = "floor";

/// The largest figure of a column, among some rows.
fn worst(tables: &[Table], what: &str, (table, column): (&str, &str), limit: f64, among: &dyn Fn(&Row) -> bool) -> Option<Goal> {
    let table = tables.iter().find(|known| known.name == table)?;
    let figures = table.rows.iter().filter(|row| among(row));
    let figures = figures.filter_map(|row| Some((table.figure(&row.name, column)?, &row.name)));
    let (found, at) = figures.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    Some(Goal { what: what.to_owned(), limit, found, at: at.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Cell;

    #[test]
    fn the_worst_of_those_that_are_meant_counts() {
        let row = |name: &str, zip| Row { name: name.to_owned(), cells: vec![Cell::Number(zip, 2)] };
        let rows = vec![row("floor", 9.0), row("manifest", 1.0), row("get-conversations", 2.6), row("deliver", 3.0)];
        let (name, columns) = ("functions", vec!["zip MB"]);
        let table = Table { name, title: "", about: String::new(), of: "function", columns, rows };
        let found: Vec<_> = of(&[table]).into_iter().map(|goal| (goal.limit, goal.at.clone(), goal.met())).collect();
        assert_eq!(found, [(2.5, "get-conversations".to_owned(), false), (3.5, "deliver".to_owned(), true)]);
    }
}
