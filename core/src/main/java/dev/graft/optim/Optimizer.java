package dev.graft.optim;

import dev.graft.tensor.Tensor;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/// Changes parameters by their gradients.
///
/// It holds its state's memory itself, whatever scope is open, until [#close].
public interface Optimizer extends AutoCloseable {
    /// Changes every parameter that has a gradient and leaves the others, and their state, as they are.
    /// Gradients stay; [Gradients#clear] removes them.
    ///
    /// @param gradientScale gradients are multiplied by it: one over the summed weight of the loss, times the
    ///                      [clip factor][Gradients#clipFactor]
    void step(double learningRate, double gradientScale);

    /// Steps taken so far, those before a [#load] included.
    long steps();

    /// What a checkpoint must hold, with [#steps], for [#load] to go on bit for bit. Large tensors are the
    /// live ones, not copies: write them before the next step.
    Map<String, Tensor> state();

    /// Goes on from where [#state] was taken.
    ///
    /// @param steps  as [#steps] said then
    /// @param lookup a tensor of that state by its name; empty when the state had none of that name
    void load(long steps, Function<String, Optional<Tensor>> lookup);

    @Override
    void close();
}
