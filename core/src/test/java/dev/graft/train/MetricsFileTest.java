package dev.graft.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.eval.HeldOut;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class MetricsFileTest {
    @TempDir
    Path folder;

    /// Step `n` has loss `n` over 10 labelled tokens, and 100 tokens in half a second.
    private static TrainingEvent.Stepped step(int n, int of) {
        return new TrainingEvent.Stepped(
                n, of, n, 0.001 * n, 2.0 * n, 100, 10, 200, 100L * n, 0.5 * n, Optional.empty());
    }

    @Test
    void linesAreJsonWithTheKeysOfTheContract() throws IOException {
        MetricsFile metrics = new MetricsFile(file(), 2);
        for (int n = 1; n <= 6; n++) {
            Optional<HeldOut> held = n == 5 ? Optional.of(new HeldOut(1.25, 0.5, 100)) : Optional.empty();
            metrics.on(step(n, 6).with(held));
        }
        metrics.on(new TrainingEvent.Saved(6, folder));
        List<JsonNode> lines = lines();
        assertThat(lines)
                .extracting(line -> line.path("step").asInt())
                .as("every second, and where the held-out rows were asked")
                .containsExactly(1, 2, 4, 5, 6);
        assertThat(lines.get(3).path("eval_loss").asDouble()).isEqualTo(1.25);
        JsonNode fourth = lines.get(2);
        assertThat(fourth.has("eval_loss")).isFalse();
        assertThat(fourth.path("loss").asDouble()).as("mean of 3 and 4").isEqualTo(3.5);
        assertThat(fourth.path("learning_rate").asDouble()).isEqualTo(0.004);
        assertThat(fourth.path("grad_norm").asDouble()).isEqualTo(8);
        assertThat(fourth.path("tokens_per_second").asDouble()).isCloseTo(200, within(1e-9));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void peakMemoryIsThatOfThisProcess() throws IOException {
        new MetricsFile(file(), 1).on(step(1, 1));
        assertThat(lines().getFirst().path("peak_rss_mb").asLong()).isBetween(20L, 200_000L);
    }

    @Test
    void rewindingDropsLaterAndHalfWrittenLines() throws IOException {
        MetricsFile metrics = new MetricsFile(file(), 1);
        for (int n = 1; n <= 12; n++) {
            metrics.on(step(n, 20));
        }
        Files.writeString(file(), Files.readString(file()) + "{\"step\":2,\"lo");
        metrics.rewindTo(3);
        metrics.on(step(4, 20));
        assertThat(lines()).extracting(line -> line.path("step").asInt()).containsExactly(1, 2, 3, 4);
    }

    @Test
    void rewindingWhereNothingWasWrittenIsFine() {
        new MetricsFile(file(), 1).rewindTo(3);
        assertThat(file()).doesNotExist();
    }

    private Path file() {
        return folder.resolve("metrics.jsonl");
    }

    private List<JsonNode> lines() throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(file())) {
            lines.add(new ObjectMapper().readTree(line));
        }
        return lines;
    }
}
