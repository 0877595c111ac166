package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.Models;
import dev.graft.data.Batches;
import dev.graft.format.FormatException;
import dev.graft.model.LanguageModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.ObjIntConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointsTest {
    private static final Map<String, String> IDENTITY = Map.of("training.learning_rate", "0.005");
    private static final ObjIntConsumer<Path> NO_EXTRAS = (folder, step) -> {};

    @TempDir
    Path folder;

    /// Seven micro-batches an epoch and two a step, so that steps straddle epochs.
    private static Batches batches() {
        return new Batches(TinyRuns.documents(7, 11), 20, 2);
    }

    private Checkpoints checkpoints() {
        return new Checkpoints(folder.resolve("checkpoints"), IDENTITY, NO_EXTRAS);
    }

    private static TrainingConfig config(int steps) {
        return TrainingConfig.ofSteps(steps).withMicroBatches(2);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 7})
    void interruptedAndResumedEqualsUninterruptedBitForBit(int stopAfter) {
        List<Double> expectedLosses = new ArrayList<>();
        Map<String, float[]> expected;
        try (LanguageModel model = TinyRuns.lora(0.2);
                Trainer trainer = TinyRuns.trainer(
                        config(8), model, batches(), Optional.empty(), TinyRuns.into(expectedLosses))) {
            TrainingResult result = trainer.run();
            assertThat(result.interrupted()).isFalse();
            expected = Models.weights(model);
        }
        List<Double> losses = new ArrayList<>();
        TrainingResult stopped = runUntil(stopAfter, losses);
        assertThat(stopped.interrupted()).isTrue();
        assertThat(stopped.steps()).isEqualTo(stopAfter);
        assertThat(checkpoints().latestStep()).isEqualTo(stopAfter);
        try (LanguageModel model = TinyRuns.lora(0.2);
                Trainer trainer = TinyRuns.trainer(
                        config(8), model, batches(), Optional.of(checkpoints()), TinyRuns.into(losses))) {
            TrainingResult result = trainer.resume();
            assertThat(result.steps()).isEqualTo(8);
            assertThat(result.interrupted()).isFalse();
            assertThat(result.tokens()).isGreaterThan(stopped.tokens());
            assertThat(losses).containsExactlyElementsOf(expectedLosses);
            Map<String, float[]> weights = Models.weights(model);
            assertThat(weights).containsOnlyKeys(expected.keySet());
            expected.forEach(
                    (name, values) -> assertThat(weights.get(name)).as(name).containsExactly(values));
        }
    }

    private TrainingResult runUntil(int step, List<Double> losses) {
        AtomicReference<Trainer> running = new AtomicReference<>();
        TrainingEvent.Listener stopping = event -> {
            TinyRuns.into(losses).on(event);
            if (event instanceof TrainingEvent.Stepped stepped && stepped.step() == step) {
                running.get().requestStop();
            }
        };
        try (LanguageModel model = TinyRuns.lora(0.2);
                Trainer trainer = TinyRuns.trainer(config(8), model, batches(), Optional.of(checkpoints()), stopping)) {
            running.set(trainer);
            return trainer.run();
        }
    }

    @Test
    void oldestAreDeletedBeyondTheLimitCountingStepsAsNumbers() throws IOException {
        train(config(11).withSaveSteps(1, 3), checkpoints());
        assertThat(folders()).containsExactlyInAnyOrder("step-9", "step-10", "step-11");
        assertThat(checkpoints().latest()).contains(folder.resolve("checkpoints/step-11"));
    }

    @Test
    void zeroKeepsAll() throws IOException {
        train(config(3).withSaveSteps(1, 0), checkpoints());
        assertThat(folders()).containsExactlyInAnyOrder("step-1", "step-2", "step-3");
    }

    @Test
    void checkpointOfAnotherRunIsRefusedWithTheDifferences() {
        train(config(2), checkpoints());
        Checkpoints other = new Checkpoints(
                folder.resolve("checkpoints"), Map.of("training.learning_rate", "0.1", "seed", "7"), NO_EXTRAS);
        try (LanguageModel model = TinyRuns.lora(0);
                Trainer trainer = TinyRuns.trainer(config(3), model, batches(), Optional.of(other), event -> {})) {
            Map<String, float[]> before = Models.weights(model);
            assertThatThrownBy(trainer::resume)
                    .isInstanceOf(FormatException.class)
                    .hasMessageContaining("step-2")
                    .hasMessageContaining("another run")
                    .hasMessageContaining("training.learning_rate was 0.005 and is 0.1 now")
                    .hasMessageContaining("seed was absent and is 7 now")
                    .hasMessageContaining("--output");
            Models.weights(model)
                    .forEach((name, values) -> assertThat(values).as(name).containsExactly(before.get(name)));
        }
    }

    @Test
    void crashWhileWritingLeavesTheLastCheckpointWhole() throws IOException {
        Checkpoints failing = new Checkpoints(folder.resolve("checkpoints"), IDENTITY, (inside, step) -> {
            if (Files.exists(folder.resolve("checkpoints/step-2"))) {
                throw new IllegalStateException("the disk is full");
            }
        });
        try (LanguageModel model = TinyRuns.lora(0);
                Trainer trainer = TinyRuns.trainer(
                        config(8).withSaveSteps(2, 1), model, batches(), Optional.of(failing), event -> {})) {
            assertThatThrownBy(trainer::run).hasMessage("the disk is full");
        }
        assertThat(folders()).containsExactly("step-2");
        assertThat(checkpoints().latest()).contains(folder.resolve("checkpoints/step-2"));
        assertThat(resumedTo(8)).isEqualTo(8);
    }

    @Test
    void whatAKilledProcessLeavesBehindIsIgnored() throws IOException {
        train(config(2), checkpoints());
        Path leftover = Files.createDirectory(folder.resolve("checkpoints/.step-9.half-written.tmp"));
        Files.writeString(leftover.resolve("trainer_state.json"), "{\"step\": 9");
        assertThat(checkpoints().latest()).contains(folder.resolve("checkpoints/step-2"));
        assertThat(resumedTo(3)).isEqualTo(3);
    }

    @Test
    void aCheckpointThatHadSteppedAsideWhenTheProcessWasKilledReturns() throws IOException {
        train(config(2), checkpoints());
        Files.move(folder.resolve("checkpoints/step-2"), folder.resolve("checkpoints/.step-2.old"));
        assertThat(checkpoints().latestStep()).isEqualTo(2);
        assertThat(resumedTo(3)).isEqualTo(3);
    }

    @Test
    void aStateThatDoesNotSayWhereTheRunStandsIsRefused() throws IOException {
        train(config(2), checkpoints());
        Path state = folder.resolve("checkpoints/step-2/trainer_state.json");
        String whole = Files.readString(state);
        for (String key : List.of("step", "micro_batches", "tokens", "seconds", "optimizer_steps")) {
            Files.writeString(state, whole.replace("\"" + key + "\"", "\"other\""));
            assertThatThrownBy(() -> resumedTo(3))
                    .isInstanceOf(FormatException.class)
                    .hasMessageContainingAll(state.toString(), "it has no " + key);
        }
    }

    @Test
    void damagedCheckpointIsASentenceWithItsPath() throws IOException {
        train(config(2), checkpoints());
        Path parameters = folder.resolve("checkpoints/step-2/parameters.safetensors");
        byte[] bytes = Files.readAllBytes(parameters);
        Files.write(parameters, Arrays.copyOf(bytes, bytes.length / 2));
        assertThatThrownBy(() -> resumedTo(3))
                .isInstanceOf(FormatException.class)
                .hasMessageContaining(parameters.toString());
    }

    @Test
    void withoutACheckpointResumingStartsFromTheBeginning() {
        assertThat(checkpoints().latest()).isEmpty();
        assertThat(checkpoints().latestStep()).isZero();
        assertThat(resumedTo(2)).isEqualTo(2);
    }

    @Test
    void extrasArePartOfTheCheckpoint() {
        Checkpoints noting = new Checkpoints(folder.resolve("checkpoints"), IDENTITY, (inside, step) -> {
            try {
                Files.writeString(inside.resolve("note.txt"), "kept");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        train(config(1), noting);
        assertThat(folder.resolve("checkpoints/step-1/note.txt")).hasContent("kept");
    }

    private static void train(TrainingConfig config, Checkpoints checkpoints) {
        try (LanguageModel model = TinyRuns.lora(0);
                Trainer trainer = TinyRuns.trainer(config, model, batches(), Optional.of(checkpoints), event -> {})) {
            trainer.run();
        }
    }

    private int resumedTo(int steps) {
        try (LanguageModel model = TinyRuns.lora(0);
                Trainer trainer =
                        TinyRuns.trainer(config(steps), model, batches(), Optional.of(checkpoints()), event -> {})) {
            return trainer.resume().steps();
        }
    }

    private List<String> folders() throws IOException {
        try (Stream<Path> entries = Files.list(folder.resolve("checkpoints"))) {
            return entries.map(path -> path.getFileName().toString()).toList();
        }
    }
}
