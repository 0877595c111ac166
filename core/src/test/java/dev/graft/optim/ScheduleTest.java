package dev.graft.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScheduleTest {
    @ParameterizedTest
    @CsvSource({"constant_with_warmup, constant", "linear, linear", "cosine, cosine"})
    void ratesAreThoseOfTransformers(String name, String key) {
        JsonNode golden = Goldens.json("schedules.json");
        int steps = golden.get("steps").asInt();
        Schedule schedule = Schedule.named(
                name,
                golden.get("peak_learning_rate").asDouble(),
                golden.get("warmup_steps").asInt(),
                steps);
        for (int step = 0; step < steps; step++) {
            assertThat(schedule.at(step))
                    .as("step %d", step)
                    .isCloseTo(golden.get(key).get(step).asDouble(), within(1e-18));
        }
    }

    @Test
    void constantIsThePeakFromTheFirstStep() {
        Schedule schedule = Schedule.named("constant", 0.5, 0, 10);
        assertThat(schedule.at(0)).isEqualTo(0.5);
        assertThat(schedule.at(1_000_000)).isEqualTo(0.5);
    }

    @Property
    void noRateIsBelowZeroOrAboveThePeak(
            @ForAll @IntRange(max = 50) int warmup,
            @ForAll @IntRange(min = 1, max = 50) int rest,
            @ForAll @IntRange(max = 200) int step) {
        for (String name : new String[] {"constant_with_warmup", "linear", "cosine"}) {
            assertThat(Schedule.named(name, 2, warmup, warmup + rest).at(step)).isBetween(0.0, 2.0);
        }
    }

    @Property
    void warmUpEndsAtThePeak(@ForAll @IntRange(max = 50) int warmup, @ForAll @IntRange(min = 1, max = 50) int rest) {
        for (String name : new String[] {"constant_with_warmup", "linear", "cosine"}) {
            assertThat(Schedule.named(name, 2, warmup, warmup + rest).at(warmup))
                    .isEqualTo(2.0);
        }
    }

    @Test
    void decayingSchedulesStayAtZeroAfterTheirEnd() {
        assertThat(Schedule.named("linear", 1, 0, 4).at(9)).isZero();
        assertThat(Schedule.named("cosine", 1, 0, 4).at(9)).isZero();
    }

    @Test
    void unknownNameIsAnsweredWithTheKnownOnes() {
        assertThatThrownBy(() -> Schedule.named("cosin", 1, 0, 10))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"cosin\"")
                .hasMessageContaining("constant, constant_with_warmup, linear, cosine");
    }

    @Test
    void impossibleLengthsAreRefused() {
        assertThatThrownBy(() -> Schedule.named("cosine", 1, 11, 10)).hasMessageContaining("11 of them warm-up");
        assertThatThrownBy(() -> Schedule.named("linear", 1, -1, 10)).hasMessageContaining("-1 warm-up steps");
        assertThatThrownBy(() -> Schedule.named("linear", Double.NaN, 0, 10)).hasMessageContaining("NaN");
        assertThatThrownBy(() -> Schedule.named("constant", 1, 3, 10)).hasMessageContaining("constant_with_warmup");
        assertThatThrownBy(() -> Schedule.named("cosine", 1, 0, 10).at(-1)).hasMessageContaining("step is -1");
    }
}
