package dev.graft.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A recipe of six steps on [TinyModel], and its rows.
final class TrainRuns {
    private TrainRuns() {}

    static String rows(int count) {
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < count; i++) {
            rows.append("{\"prompt\": \"hello %d\", \"completion\": \" world %d\"}\n".formatted(i, i % 3));
        }
        return rows.toString();
    }

    /// Trains on `rows.jsonl` beside it and writes `run` beside it.
    static Path recipe(Path folder, Path model) throws IOException {
        return Files.writeString(folder.resolve("recipe.yaml"), """
                model: %s
                output_dir: %s
                adapter: {r: 2, lora_alpha: 8, lora_dropout: 0.1}
                data: {train: rows.jsonl, eval_fraction: 0.2}
                training:
                  max_steps: 6
                  per_device_batch_tokens: 128
                  learning_rate: 0.01
                  logging_steps: 1
                  eval_steps: 3
                  save_steps: 2
                  dtype: float32
                evaluation: {samples: 2, max_new_tokens: 4, exact_match_rows: 3}
                """.formatted(model, folder.resolve("run")));
    }
}
