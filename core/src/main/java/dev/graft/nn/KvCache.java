package dev.graft.nn;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// Keys and values of tokens already seen, one pair of buffers a layer. A buffer is a row of slots; who
/// uses it gives each sequence a stretch of them, and the ranges of a [TokenRun] say which slots a token
/// attends to.
///
/// It holds its memory itself until [#close].
public final class KvCache implements AutoCloseable {
    private final List<Tensor> keys = new ArrayList<>();
    private final List<Tensor> values = new ArrayList<>();
    private final int slots;

    /// @param slots tokens it has room for, all sequences together
    public KvCache(int layers, int keyHeads, int slots, int headDim, DType dtype, Device device) {
        this.slots = slots;
        try (Scope scope = Scope.open()) {
            for (int i = 0; i < layers; i++) {
                keys.add(Tensor.zeros(dtype, device, keyHeads, slots, headDim).retain());
                values.add(Tensor.zeros(dtype, device, keyHeads, slots, headDim).retain());
            }
        }
    }

    /// Tokens it has room for, all sequences together.
    public int slots() {
        return slots;
    }

    /// Writes keys and values of new tokens and gives back the buffers, `[keyHeads, slots, headDim]`.
    ///
    /// @param k     `[keyHeads, tokens, headDim]`
    /// @param index int64 `[tokens]`, the slot of each token
    public KeysAndValues put(int layer, Tensor k, Tensor v, Tensor index) {
        keys.get(layer).indexCopyInPlace(1, index, k);
        values.get(layer).indexCopyInPlace(1, index, v);
        return new KeysAndValues(keys.get(layer), values.get(layer));
    }

    /// Both buffers of one layer.
    public record KeysAndValues(Tensor keys, Tensor values) {}

    @Override
    public void close() {
        keys.forEach(Tensor::release);
        values.forEach(Tensor::release);
    }
}
