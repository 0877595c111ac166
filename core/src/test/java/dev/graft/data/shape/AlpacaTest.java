package dev.graft.data.shape;

import dev.graft.data.Example;
import java.util.Map;

class AlpacaTest extends RowShapeContract {

    @Override
    protected RowShape shape() {
        return registered("alpaca");
    }

    @Override
    protected Map<String, Example> rows() {
        return Map.of(
                "{'instruction': 'Sing.', 'output': 'La'}",
                new Example.PromptCompletion(WITHOUT, "La"),
                "{'instruction': 'Add.', 'input': '2 and 2', 'output': '4'}",
                new Example.PromptCompletion(WITH, "4"),
                "{'instruction': 'Sing.', 'input': ' ', 'output': 'La'}",
                new Example.PromptCompletion(WITHOUT, "La"));
    }

    @Override
    protected Map<String, String> faulty() {
        return Map.of("{'instruction': 'a', 'input': 3, 'output': 'b'}", "\"input\" is the number 3");
    }

    private static final String WITH =
            "Below is an instruction that describes a task, paired with an input that provides further"
                    + " context. Write a response that appropriately completes the request.\n\n"
                    + "### Instruction:\nAdd.\n\n### Input:\n2 and 2\n\n### Response:\n";
    private static final String WITHOUT =
            "Below is an instruction that describes a task. Write a response that appropriately"
                    + " completes the request.\n\n### Instruction:\nSing.\n\n### Response:\n";
}
