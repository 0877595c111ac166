/// The shapes of rows: which columns a row has, and the example it becomes.
///
/// May import: what `data` may import, and `data` itself.
///
/// To add to it: one shape is one [RowShape], one line in [RowShapes], one test that extends
/// `RowShapeContract`.
package dev.graft.data.shape;
