/// Commands; wires the rest together and is imported by nothing.
///
/// May import: everything.
///
/// To add to it: one class a command, one line in `Main`.
package dev.graft.cli;
