package dev.graft.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.LiveTensors;
import dev.graft.tensor.Scope;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/// Tests that each run in a scope and leave no tensor behind when it closes.
abstract class ScopedTest {
    private Scope scope;
    private long tensorsBefore;

    /// The plain kernels and the fastest of this machine.
    static Stream<Kernels> kernels() {
        return GradientCheck.kernels();
    }

    @BeforeEach
    void openScope() {
        tensorsBefore = LiveTensors.count();
        scope = Scope.open();
    }

    @AfterEach
    void nothingStaysBehind() {
        scope.close();
        assertThat(LiveTensors.count()).as("tensors left behind").isEqualTo(tensorsBefore);
    }
}
