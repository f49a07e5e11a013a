//! The program with few messages, for every day: in bad weather nothing goes wrong, and what does is seen.

use std::process::{Child, Command, Output, Stdio};

use chaos::{options::Options, traffic::Posts};

/// Which requests to the table end their function follows from the seed alone. With the one below, the first is this one.
const FIRST_DEATH: usize = 122;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_doubled_lost_or_out_of_order() {
    let options = Options { messages: 240, conversations: 12, companies: 3, seed: 20_261_128, flaw: None };
    let report = chaos::run(&options, |_| {}).await.expect("a verdict");
    assert!(report.verdict.is_good(), "seed {}:\n{}", options.seed, report.verdict);
    assert_eq!(report.verdict.sent, options.messages);
    // It was bad weather indeed.
    let (asked, hit) = report.pipedrive;
    assert!(asked > options.messages && hit * 5 > asked, "{hit} of {asked} requests to Pipedrive met a fault");
    let (requests, faults) = &report.table;
    let hits: usize = faults.iter().map(|(_, hits)| hits).sum();
    assert!(hits * 50 > *requests && *requests >= FIRST_DEATH && report.deaths > 0, "{report:?}");
    let Posts { first, twice, .. } = report.posts;
    assert!(twice * 10 > first, "{:?}", report.posts);
}

/// The program on a bundle with a flaw.
fn flawed(flaw: &str) -> Child {
    let arguments = format!("--messages 120 --conversations 4 --companies 1 --seed 7 --flaw {flaw}");
    let mut program = Command::new(env!("CARGO_BIN_EXE_chaos"));
    program.args(arguments.split(' ')).stdout(Stdio::piped()).spawn().expect("the program runs")
}

/// The number in a row of its table.
fn row(output: &Output, name: &str) -> usize {
    let table = String::from_utf8_lossy(&output.stdout);
    let row = table.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    row.trim().parse().unwrap_or_else(|_| panic!("no row {name} in:\n{table}"))
}

#[test]
fn what_a_flawed_bundle_does_is_counted() {
    let flaws = [("doubles", "doubled"), ("loses", "lost"), ("overtakes", "out of order")];
    let running = flaws.map(|(flaw, name)| (flaw, name, flawed(flaw)));
    for (flaw, name, program) in running {
        let output = program.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(1), "{flaw}");
        assert!(row(&output, name) > 0, "{flaw}");
        assert_eq!(row(&output, "sent"), 120);
    }
}
