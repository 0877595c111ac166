package dev.graft.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.tensor.Device;
import dev.graft.tensor.LiveTensors;
import dev.graft.tensor.Scope;
import org.junit.jupiter.api.Test;

class RotaryTableTest {
    private static final float[] SHORT = {1, 0.1f};
    private static final float[] LONG = {0.5f, 0.05f};

    private static float[] cosines(RotaryTable table, int[] positions, int... lengths) {
        try (Scope scope = Scope.open()) {
            return table.at(positions, lengths).cos().toFloats();
        }
    }

    private static void assertCosines(float[] found, double... angles) {
        assertThat(found).hasSize(angles.length);
        for (int i = 0; i < angles.length; i++) {
            assertThat((double) found[i]).as("cosine %d", i).isCloseTo(Math.cos(angles[i]), within(1e-6));
        }
    }

    @Test
    void anglesArePositionTimesFrequency() {
        try (RotaryTable table = new RotaryTable(Rotation.fixed(SHORT, 1), Device.cpu())) {
            assertCosines(cosines(table, new int[] {0, 3, 1}, 4, 4, 4), 0, 0, 3, 0.3, 1, 0.1);
            assertCosines(cosines(table, new int[] {100}, 101), 100, 10);
        }
    }

    @Test
    void theMagnitudeMultipliesCosinesAndSines() {
        try (Scope scope = Scope.open();
                RotaryTable table = new RotaryTable(Rotation.fixed(SHORT, 1.5), Device.cpu())) {
            RotaryTable.CosSin turn = table.at(new int[] {2}, new int[] {3});
            assertThat(turn.cos().toFloats()[0]).isCloseTo((float) (1.5 * Math.cos(2)), within(1e-6f));
            assertThat(turn.sin().toFloats()[1]).isCloseTo((float) (1.5 * Math.sin(0.2)), within(1e-6f));
        }
    }

    @Test
    void documentsBeyondTheLimitAreTurnedOtherwiseAlsoInOneRun() {
        Rotation rotation = Rotation.switching(SHORT, 8, LONG, 1);
        try (RotaryTable table = new RotaryTable(rotation, Device.cpu())) {
            assertCosines(cosines(table, new int[] {2, 2, 7, 8}, 8, 9, 8, 9), 2, 0.2, 1, 0.1, 7, 0.7, 4, 0.4);
        }
        assertThat(rotation.sameUntil(1)).isEqualTo(8);
        assertThat(rotation.sameUntil(8)).isEqualTo(8);
        assertThat(rotation.sameUntil(9)).isEqualTo(Integer.MAX_VALUE);
    }

    @Test
    void aGrowingRotationHasOneForEachLength() {
        Rotation rotation = Rotation.growing(SHORT, 4, length -> new float[] {1f / length, 0});
        try (RotaryTable table = new RotaryTable(rotation, Device.cpu())) {
            for (int length = 5; length < 30; length++) {
                assertCosines(cosines(table, new int[] {3, 3}, length, 4), 3.0 / length, 0, 3, 0.3);
            }
        }
        assertThat(rotation.sameUntil(4)).isEqualTo(4);
        assertThat(rotation.sameUntil(5)).isEqualTo(5);
    }

    @Test
    void aClosedTableLeavesNothingBehind() {
        long before = LiveTensors.count();
        Rotation rotation = Rotation.growing(SHORT, 4, length -> SHORT);
        try (RotaryTable table = new RotaryTable(rotation, Device.cpu())) {
            for (int length = 1; length < 20; length++) {
                cosines(table, new int[] {length - 1}, length);
            }
        }
        assertThat(LiveTensors.count()).isEqualTo(before);
    }
}
