/// Files to rows as they stand: JSON objects with the number of the row, whatever the format.
///
/// May import: what `data` may import; it uses nothing of Graft.
///
/// To add to it: one file format is one [RowReader] and one line in [FileFormat].
package dev.graft.data.input;
