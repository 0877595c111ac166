package dev.graft.data.shape;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import java.util.Set;

/// Rows of Stanford Alpaca: an instruction, perhaps an input, and the output to learn.
public final class Alpaca implements RowShape {

    @Override
    public String name() {
        return "alpaca";
    }

    @Override
    public Kind kind() {
        return Kind.COMPLETION;
    }

    @Override
    public String sample() {
        return "{\"instruction\": \"…\", \"input\": \"…\", \"output\": \"…\"}   (\"input\" may be left out)";
    }

    @Override
    public Set<String> columns() {
        return Set.of("instruction", "input", "output");
    }

    @Override
    public Set<String> uses(ObjectNode row, Set<String> present) {
        return Columns.used(present, Set.of("instruction", "output"), "input");
    }

    @Override
    public Example example(ObjectNode row) {
        return new Example.PromptCompletion(prompt(row), Columns.text(row, "output"));
    }

    static String prompt(ObjectNode row) {
        return prompt(Columns.text(row, "instruction"), Columns.textOrNothing(row, "input"));
    }

    /// The prompt of Stanford Alpaca (<https://github.com/tatsu-lab/stanford_alpaca>), with the line break
    /// after `### Response:` that most trainers put there so that the response begins a line.
    private static String prompt(String instruction, String input) {
        return input.isBlank() ? """
                Below is an instruction that describes a task. Write a response that appropriately completes the request.

                ### Instruction:
                %s

                ### Response:
                """.formatted(instruction) : """
                Below is an instruction that describes a task, paired with an input that provides further context. \
                Write a response that appropriately completes the request.

                ### Instruction:
                %s

                ### Input:
                %s

                ### Response:
                """.formatted(instruction, input);
    }
}
