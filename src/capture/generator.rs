//! A load generator of the user's: any command, run while the profiler is armed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::address::Address;
use super::fault::Failure;
use super::interrupt::Interrupt;

/// No benchmark that is worth profiling runs longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long a command may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// A command under way; it does not outlive this value.
pub struct Generator {
    child: Child,
    begin: Instant,
}

impl Generator {
    /// Starts a command in a shell. What it prints goes to standard error.
    pub fn start(command: &str, url: &Address) -> Result<Self, Failure> {
        let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let mut prepared = Command::new(shell);
        prepared
            .arg(flag)
            .arg(command)
            .env("PROFGATE_URL", url.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::from(std::io::stderr()));
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut prepared, 0);
        let child = prepared.spawn().map_err(|error| {
            Failure::new(
                "cannot run the workload command",
                format!("{shell}: {error}"),
                "check --workload-command",
            )
        })?;
        Ok(Self { child, begin: Instant::now() })
    }

    /// Waits until the command has ended, and requires that it ended well.
    pub fn wait(
        &mut self,
        interrupt: &Interrupt,
        meanwhile: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let failed = |why: String| {
            Failure::new(
                "the workload command failed",
                why,
                "run it by itself first; its own words stand above",
            )
        };
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(failed(format!("--workload-command ended with {status}"))),
                Ok(None) => {}
                Err(error) => return Err(failed(error.to_string())),
            }
            meanwhile()?;
            if self.begin.elapsed() > LONGEST {
                return Err(failed(format!("it ran for more than {} s", LONGEST.as_secs())));
            }
            if !interrupt.sleep(Duration::from_millis(50)) {
                return Err(Failure::interrupted());
            }
        }
    }

    /// Asks the command and all that it started to end, and makes them.
    fn kill(&mut self) {
        self.signal(false);
        let until = Instant::now() + GRACE;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal(true);
        let _ = self.child.wait();
    }

    #[cfg(unix)]
    fn signal(&mut self, is_last: bool) {
        use rustix::process::{Pid, Signal, kill_process_group};
        let signal = if is_last { Signal::KILL } else { Signal::TERM };
        // The group is the command's own: it was made with it.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }

    #[cfg(not(unix))]
    fn signal(&mut self, _is_last: bool) {
        let _ = self.child.kill();
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}
