/// The log filter of the process, which can be changed at run time.
pub trait LogFilter: Send + Sync + 'static {
    /// The filter in force: a level such as `info`, or a list such as `info,trigger_server=debug`.
    fn current(&self) -> String;

    /// The filter that the process started with.
    fn at_start(&self) -> String;

    /// Replaces the filter. `Err` is the reason why it cannot be parsed.
    fn set(&self, filter: &str) -> Result<(), String>;
}
