package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Models;
import dev.graft.SharedData;
import dev.graft.data.Batches;
import dev.graft.data.Tokenized;
import dev.graft.eval.HeldOut;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.objective.CrossEntropy;
import dev.graft.optim.Schedule;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantisedLinears;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// LoRA on a trained model as it is and in 4 bits, on Shakespeare. The whole run, of 300 steps, is in
/// docs/log.md; this is its beginning.
class StoriesQloraTest {
    private static final int STEPS = 15;

    @Test
    void loraLearnsFromAQuantisedBaseAsFromAPlainOne() throws IOException {
        Path directory = SharedData.file("models/stories260k/hf");
        String text = Files.readString(SharedData.file("text/tinyshakespeare.txt"));
        List<Tokenized> train = documents(directory, text.substring(0, 40_000));
        List<Tokenized> held = documents(directory, text.substring(1_100_000, 1_102_000));
        Losses plain = train(directory, LinearFactory.frozen(), train, held);
        Losses packed = train(directory, new QuantisedLinears(LinearFactory.frozen(), new Nf4(true)), train, held);

        assertThat(plain.before).isCloseTo(5.0, within(0.3));
        assertThat(packed.before).isGreaterThan(plain.before - 0.02).isCloseTo(plain.before, within(0.15));
        assertThat(plain.after).isLessThan(4.2);
        assertThat(packed.after).isCloseTo(plain.after, within(0.1));
    }

    private record Losses(double before, double after) {}

    private static Losses train(Path directory, LinearFactory base, List<Tokenized> train, List<Tokenized> held) {
        Adapters adapters = new Adapters(new Lora(8, 16, 0, Targets.allLinear()), 42);
        try (LanguageModel model = Models.load(directory, adapters.over(base))) {
            var heldOut = new Batches(held, 1024, 1).inOrder();
            double before = HeldOut.of(model, heldOut).loss();
            try (Trainer trainer = new Trainer(
                    TrainingConfig.ofSteps(STEPS),
                    model,
                    new CrossEntropy(),
                    TinyRuns.adamW(model),
                    new Schedule.Constant(1e-2),
                    new Batches(train, 384, 1),
                    List.of(),
                    Optional.empty(),
                    TinyRuns.into(new ArrayList<>()))) {
                trainer.run();
            }
            return new Losses(before, HeldOut.of(model, heldOut).loss());
        }
    }

    /// Rows of 500 characters, every token labelled.
    private static List<Tokenized> documents(Path directory, String text) {
        List<Tokenized> documents = new ArrayList<>();
        try (Tokenizer tokenizer = Tokenizer.load(directory)) {
            for (int start = 0; start + 500 <= text.length(); start += 500) {
                int[] ids = tokenizer.encode(text.substring(start, start + 500), true);
                boolean[] labels = new boolean[ids.length];
                Arrays.fill(labels, 1, ids.length, true);
                documents.add(new Tokenized(ids, labels, documents.size()));
            }
        }
        return documents;
    }
}
