package dev.graft.autograd;

import dev.graft.kernel.Kernels;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;

/// Reverse-mode differentiation at the grain of a transformer's operations.
///
/// An operation computes its result, and when one of its inputs wants a gradient it [records][#record] how
/// to go back and which tensors that needs. [#backward] pops the records from the last to the first, frees
/// what each saved, and computes nothing that nobody asked for: no gradient of a frozen weight, none below
/// the first value that wants one. A tape that does not record (generation, evaluation, reference passes)
/// runs the same forward code and keeps nothing.
public final class Tape implements AutoCloseable {
    private final Kernels kernels;
    private final boolean recording;
    private final boolean recomputing;
    private final long seed;
    private final List<Record> records = new ArrayList<>();
    private final List<Value> inputs = new ArrayList<>();

    private record Record(List<Value> outputs, List<Tensor> saved, Runnable back) {
        void free() {
            saved.forEach(Tensor::release);
            outputs.forEach(Value::dropGradient);
        }
    }

    private Tape(Kernels kernels, boolean recording, boolean recomputing, long seed) {
        this.kernels = kernels;
        this.recording = recording;
        this.recomputing = recomputing;
        this.seed = seed;
    }

    /// A tape that records for [#backward].
    ///
    /// @param seed        of the randomness inside operations (dropout); the same seed gives the same pass
    /// @param recomputing whether [#block] keeps only the inputs of blocks and runs them again on the
    ///                    way back
    public static Tape recording(Device device, long seed, boolean recomputing) {
        return new Tape(Kernels.of(device), true, recomputing, seed);
    }

    /// A tape that only runs operations forward, without dropout.
    public static Tape silent(Device device) {
        return new Tape(Kernels.of(device), false, false, 0);
    }

    /// A recording tape over kernels of the caller's choice.
    public static Tape over(Kernels kernels, long seed) {
        return new Tape(kernels, true, false, seed);
    }

    public Kernels kernels() {
        return kernels;
    }

    /// Whether this pass trains: operations record, and dropout is active.
    public boolean isRecording() {
        return recording;
    }

    /// Seed of one random operation of this pass.
    ///
    /// @param operation number that tells it from the others of the model
    long seedOf(int operation) {
        long mixed = seed + 0x9E3779B97F4A7C15L * (operation + 1L);
        mixed = (mixed ^ (mixed >>> 30)) * 0xBF58476D1CE4E5B9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
        return mixed ^ (mixed >>> 31);
    }

    /// A value no gradient is wanted for.
    public Value constant(Tensor data) {
        return new Value(data, false);
    }

    /// A value whose gradient is wanted, and kept after [#backward] until [#gradientOf] takes it or the tape
    /// closes.
    public Value input(Tensor data) {
        return recording ? track(new Value(data, true)) : constant(data);
    }

    private Value track(Value input) {
        inputs.add(input);
        return input;
    }

    /// Whether an operation over these inputs and weights has to be recorded.
    boolean wants(List<Value> inputs, List<? extends Weight> weights) {
        return recording
                && (inputs.stream().anyMatch(Value::wantsGradient)
                        || weights.stream().anyMatch(Weight::isTrainable));
    }

    /// Puts an operation with one result on the tape.
    ///
    /// @param wanted what [#wants] said; when false the result is a constant and nothing is kept
    /// @param saved  tensors that `back` reads; held until it has run
    /// @param back   takes the gradient of the result and adds to the gradients of inputs and weights
    Value record(boolean wanted, Tensor result, List<Tensor> saved, Consumer<Tensor> back) {
        if (!wanted) {
            return constant(result);
        }
        Value output = new Value(result, true);
        add(List.of(output), saved, () -> back.accept(output.gradientOrNull()));
        return output;
    }

    /// Puts an operation with several results on the tape. `back` gets their gradients, `null` where none
    /// arrived.
    List<Value> recordAll(boolean wanted, List<Tensor> results, List<Tensor> saved, Consumer<List<Tensor>> back) {
        if (!wanted) {
            return results.stream().map(this::constant).toList();
        }
        List<Value> outputs = results.stream().map(r -> new Value(r, true)).toList();
        add(outputs, saved, () -> {
            List<Tensor> gradients = new ArrayList<>();
            outputs.forEach(output -> gradients.add(output.gradientOrNull()));
            back.accept(gradients);
        });
        return outputs;
    }

    private void add(List<Value> outputs, List<Tensor> saved, Runnable back) {
        saved.forEach(Tensor::retain);
        records.add(new Record(outputs, List.copyOf(saved), back));
    }

    /// Sends a gradient back from `output` to everything that wants one.
    ///
    /// @param gradient of the loss with respect to `output`, of its shape
    public void backward(Value output, Tensor gradient) {
        if (!output.wantsGradient()) {
            throw new IllegalStateException(
                    "nothing before this value wants a gradient; is every weight frozen, or the tape silent?");
        }
        if (!inputs.contains(output) && records.stream().noneMatch(r -> r.outputs.contains(output))) {
            throw new IllegalStateException("this value is not on this tape; a tape goes back once, from one value");
        }
        output.accumulate(gradient);
        while (!records.isEmpty()) {
            Record record = records.removeLast();
            try (Scope scope = Scope.open()) {
                if (record.outputs.stream().anyMatch(Value::hasGradient)) {
                    record.back.run();
                }
            } finally {
                record.free();
            }
        }
    }

    /// The gradient that [#backward] left on an [#input], handed to the current scope.
    public Tensor gradientOf(Value input) {
        Tensor gradient = input.gradientOrNull();
        if (gradient == null) {
            throw new IllegalStateException("no gradient has reached this value");
        }
        Tensor result = gradient.copy();
        input.dropGradient();
        return result;
    }

    /// Runs a block of a model: what is made inside and saved by no operation is freed at its end, and on a
    /// recomputing tape even the saved goes.
    public Value block(Value x, BiFunction<Tape, Value, Value> block) {
        if (recomputing) {
            return recompute(x, block);
        }
        return scoped(x, block);
    }

    private Value scoped(Value x, BiFunction<Tape, Value, Value> block) {
        try (Scope scope = Scope.open()) {
            Value result = block.apply(this, x);
            scope.keep(result.data());
            return result;
        }
    }

    /// Runs `block`, keeping only its input: on the way back the block runs again, with the same randomness,
    /// to have its inside once more. Memory for time: one more forward pass of the block.
    ///
    /// @param block reads nothing that wants a gradient but its input and weights
    public Value recompute(Value x, BiFunction<Tape, Value, Value> block) {
        if (!recording) {
            return scoped(x, block);
        }
        boolean[] wanted = new boolean[1];
        Tensor result = Scope.local(() -> {
            try (Tape once = new Tape(kernels, true, false, seed)) {
                Value output = block.apply(once, once.copyOf(x));
                wanted[0] = output.wantsGradient();
                return output.data();
            }
        });
        return record(wanted[0], result, List.of(x.data()), dY -> {
            try (Tape again = new Tape(kernels, true, false, seed)) {
                Value inside = again.copyOf(x);
                again.backward(block.apply(again, inside), dY);
                if (inside.hasGradient()) {
                    x.accumulate(inside.gradientOrNull());
                }
            }
        });
    }

    /// A value of another tape as the beginning of this one.
    private Value copyOf(Value x) {
        return x.wantsGradient() ? input(x.data()) : constant(x.data());
    }

    /// Any libtorch expression as one operation; its backward is libtorch's own.
    ///
    /// @param expression over tensors of the values' shapes; must not keep them
    public Value torch(List<Value> inputs, Function<List<Tensor>, Tensor> expression) {
        boolean wanted = wants(inputs, List.of());
        if (!wanted) {
            return constant(
                    expression.apply(inputs.stream().map(Value::data).toList()).contiguous());
        }
        List<Tensor> leaves = inputs.stream()
                .map(v -> v.wantsGradient() ? v.data().leaf() : v.data())
                .toList();
        Tensor result = expression.apply(leaves);
        List<Tensor> saved = new ArrayList<>(leaves);
        saved.add(result);
        return record(true, result.detach().contiguous(), saved, dY -> {
            result.backward(dY);
            for (int i = 0; i < leaves.size(); i++) {
                if (inputs.get(i).wantsGradient()) {
                    leaves.get(i).grad().ifPresent(inputs.get(i)::accumulate);
                }
            }
        });
    }

    /// Frees whatever a backward pass did not.
    @Override
    public void close() {
        records.reversed().forEach(Record::free);
        records.clear();
        inputs.forEach(Value::dropGradient);
        inputs.clear();
    }
}
