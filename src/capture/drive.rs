//! Makes a server do the steps that a profile shall hold.

use std::time::{Duration, Instant};

use super::fault::Failure;
use super::generator::Generator;
use super::interrupt::Interrupt;
use super::load::{Load, Sent, Streams};
use super::options::CaptureOptions;
use super::workload::{Phase, Shape};

/// Steps beyond those recorded: servers count one before they look at their limit, and run one ahead.
const BEYOND: u64 = 2;

const TICK: Duration = Duration::from_millis(20);

/// What is driven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One stage alone.
    Phase(Phase),
    /// First prefill, then decode, into files by stage.
    ByStage,
    /// A load generator of the user's.
    Command(String),
}

/// What was sent, by stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Driven {
    /// Prefill requests.
    pub prefill: Sent,
    /// Decode requests, as far as they came before they were ended.
    pub decode: Sent,
}

/// Drives one profile.
pub struct Drive<'a> {
    kind: Kind,
    load: Load<'a>,
    options: &'a CaptureOptions,
    /// The number of the next prompt; counts on over all profiles, so that none repeats.
    next: &'a mut u64,
    streams: Option<Streams>,
    generator: Option<Generator>,
    driven: Driven,
}

impl<'a> Drive<'a> {
    /// Prepares; nothing is sent.
    pub fn new(kind: Kind, load: Load<'a>, options: &'a CaptureOptions, next: &'a mut u64) -> Self {
        Self { kind, load, options, next, streams: None, generator: None, driven: Driven::default() }
    }

    /// The stage, where only one is driven.
    pub fn phase(&self) -> Option<Phase> {
        match self.kind {
            Kind::Phase(phase) => Some(phase),
            Kind::ByStage | Kind::Command(_) => None,
        }
    }

    /// What is driven, in words.
    pub fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Phase(phase) => phase.as_str(),
            Kind::ByStage => "prefill and decode",
            Kind::Command(_) => "the workload command",
        }
    }

    /// Brings the server to the state in which it shall be profiled.
    pub fn warm_up(&mut self) -> Result<(), Failure> {
        let workload = self.options.workload;
        let warmup = u64::from(workload.warmup);
        match self.kind.clone() {
            Kind::Phase(Phase::Prefill) => self.prefill(warmup).map(|_| ()),
            Kind::Phase(Phase::Decode) => self.begin_decode(warmup.max(1)),
            Kind::ByStage => {
                self.prefill(warmup)?;
                let shape = Shape { output: workload.warmup.max(1), ..workload.decode };
                let first = self.take(u64::from(workload.decode_batch));
                let count = u64::from(workload.decode_batch);
                if warmup > 0 {
                    self.load.run(shape, first, count, workload.decode_batch)?;
                }
                Ok(())
            }
            Kind::Command(command) => {
                if !self.options.delay.is_zero() {
                    self.generator = Some(Generator::start(&command, &self.options.url)?);
                    if !self.load.interrupt.sleep(self.options.delay) {
                        return Err(Failure::interrupted());
                    }
                }
                Ok(())
            }
        }
    }

    /// Drives the steps, the profiler being started. `check` looks at the profiler and may end it.
    pub fn run(&mut self, check: &mut dyn FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
        let steps = u64::from(self.options.num_steps) + BEYOND;
        match self.kind.clone() {
            Kind::Phase(Phase::Prefill) => {
                self.driven.prefill = self.prefill(steps)?;
                Ok(())
            }
            Kind::Phase(Phase::Decode) => self.wait_for_steps(steps + BEYOND, check),
            Kind::ByStage => {
                self.driven.prefill = self.prefill(steps)?;
                self.streams = Some(self.decode_streams());
                Ok(())
            }
            Kind::Command(command) => {
                if self.generator.is_none() {
                    self.generator = Some(Generator::start(&command, &self.options.url)?);
                }
                match &mut self.generator {
                    Some(generator) => generator.wait(self.load.interrupt, check),
                    None => Ok(()),
                }
            }
        }
    }

    /// Keeps the server working while its files are waited for.
    pub fn keep_on(&mut self) -> Result<(), Failure> {
        let Some(streams) = &mut self.streams else { return Ok(()) };
        let is_under_way = streams.poll()?;
        if !is_under_way && self.kind == Kind::ByStage {
            // The server has not seen steps enough of a stage.
            self.streams = Some(self.decode_streams());
        }
        Ok(())
    }

    /// Ends what is still under way, and says what was sent.
    pub fn end(&mut self, interrupt: &Interrupt) -> Result<Driven, Failure> {
        if let Some(streams) = self.streams.take() {
            self.driven.decode = streams.end(interrupt)?;
        }
        Ok(self.driven)
    }

    /// Lets go of everything, after a failure.
    pub fn abandon(&mut self) {
        self.streams = None;
        self.generator = None;
    }

    /// Numbers of prompts that nobody else gets.
    fn take(&mut self, count: u64) -> u64 {
        let first = *self.next;
        *self.next += count;
        first
    }

    /// Enough prefill requests for a number of steps.
    fn prefill(&mut self, steps: u64) -> Result<Sent, Failure> {
        let at_once = self.options.workload.prefill_concurrency;
        let count = steps * u64::from(at_once);
        let first = self.take(count);
        if count == 0 {
            Ok(Sent::default())
        } else {
            self.load.run(self.options.workload.prefill, first, count, at_once)
        }
    }

    fn decode_streams(&mut self) -> Streams {
        let workload = self.options.workload;
        let first = self.take(u64::from(workload.decode_batch));
        self.load.begin_streams(workload.decode, first, workload.decode_batch)
    }

    /// Begins the batch and waits until all of it generates.
    fn begin_decode(&mut self, tokens: u64) -> Result<(), Failure> {
        let mut streams = self.decode_streams();
        let begin = Instant::now();
        while streams.slowest() < tokens {
            let is_under_way = streams.poll()?;
            if !is_under_way || begin.elapsed() > self.load.timeout {
                return Err(too_few(&streams, is_under_way));
            }
            if !self.load.interrupt.sleep(TICK) {
                return Err(Failure::interrupted());
            }
        }
        self.streams = Some(streams);
        Ok(())
    }

    /// Waits until every request of the batch has gone so many steps further, or is over.
    fn wait_for_steps(
        &mut self,
        steps: u64,
        check: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(streams) = &mut self.streams else { return Ok(()) };
        let from = streams.slowest();
        let goal = from + steps;
        let begin = Instant::now();
        while streams.slowest() < goal {
            if !streams.poll()? {
                let ran = streams.slowest() - from;
                if ran < u64::from(self.options.num_steps) {
                    return Err(over_too_early(ran, self.options.num_steps));
                }
                break;
            }
            check()?;
            if begin.elapsed() > self.options.timings.profile {
                return Err(Failure::new(
                    "the steps did not run in time",
                    format!(
                        "{} of {steps} steps after {} s",
                        steps.saturating_sub(goal.saturating_sub(streams.slowest())),
                        self.options.timings.profile.as_secs()
                    ),
                    "raise --timeout, or lower --num-steps",
                ));
            }
            if !self.load.interrupt.sleep(TICK) {
                return Err(Failure::interrupted());
            }
        }
        Ok(())
    }
}

/// A busy machine can take longer to start its profiler than the batch lasts.
fn over_too_early(ran: u64, wanted: u32) -> Failure {
    Failure::new(
        "the decode batch was over too early",
        format!("{ran} of {wanted} steps ran after the profiler was started"),
        "raise the tokens of --decode-shape, or profile when the machine is less busy",
    )
}

fn too_few(streams: &Streams, is_under_way: bool) -> Failure {
    let (begun, all) = (streams.begun(), streams.count());
    let ending = if is_under_way { "still run" } else { "are over" };
    Failure::new(
        "the decode batch does not run together",
        format!(
            "{begun} of {all} requests have a token, the slowest has {}, and the requests {ending}",
            streams.slowest()
        ),
        "lower --decode-batch to what the server runs at once, or raise the tokens of --decode-shape",
    )
}
