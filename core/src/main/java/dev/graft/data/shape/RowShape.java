package dev.graft.data.shape;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import java.util.Set;

/// One way in which a row can say what it teaches.
public interface RowShape {

    /// What examples of a shape are good for.
    enum Kind {
        /// text to learn, with or without a prompt before it
        COMPLETION,
        /// pairs of a better and a worse answer
        PREFERENCE,
        /// answers that are desirable or not
        UNPAIRED,
        /// texts with a class
        CLASSIFICATION,
        /// prompts without an answer
        PROMPT
    }

    /// As `data.shape` of a recipe calls it: `prompt_completion`.
    String name();

    Kind kind();

    /// A row as it would stand in a JSONL file.
    String sample();

    /// Every column the shape may use.
    Set<String> columns();

    /// The columns that this shape would use of a row; empty where it lacks one that is needed.
    ///
    /// @param present  names of the columns that hold something
    Set<String> uses(ObjectNode row, Set<String> present);

    /// What a row of this shape teaches.
    ///
    /// @throws IllegalArgumentException when it is not of this shape; the message is the rest of a
    /// sentence that begins with the row
    Example example(ObjectNode row);
}
