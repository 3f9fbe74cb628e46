/// What is logged, changeable while the program runs.
pub trait LogFilter: Send + Sync + 'static {
    /// What is logged now: a level such as `info`, or a list such as `info,trigger_server=debug`.
    fn current(&self) -> String;

    /// What was logged when the program began.
    fn at_start(&self) -> String;

    /// Logs this from now on. `Err` says what is wrong with it.
    fn set(&self, filter: &str) -> Result<(), String>;
}
