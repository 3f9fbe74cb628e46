//! What somebody would try who is up to no good, a file for each family. `docs/security.md` lists each attempt
//! with the test that holds it; many stand with the scenarios of what they attack.

mod door;
mod flooding;
mod forgeries;
mod outward;
mod payloads;
mod requests;
mod telling;
