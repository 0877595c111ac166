package dev.graft.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// A block of numbers in native memory, with the operations Graft uses.
///
/// A tensor belongs to the [Scope] that was innermost when it was made, and its memory goes when that scope
/// closes; [#retain] and [#release] add and end further holds. Views ([#narrow], [#transpose] …) share
/// memory with their origin and keep it alive. Methods ending in `InPlace` change this tensor and return it;
/// all others return a new one.
public final class Tensor {
    private static final AtomicLong LIVE = new AtomicLong();

    private final org.bytedeco.pytorch.Tensor handle;
    private int holders;
    private long[] shape;
    private DType dtype;

    /// Takes over a native handle for the current scope.
    private Tensor(org.bytedeco.pytorch.Tensor handle) {
        this.handle = handle;
        this.holders = 1;
        Scope.current().add(this);
        LIVE.incrementAndGet();
    }

    // ---------------------------------------------------------------- making

    /// Uninitialised memory.
    public static Tensor empty(DType dtype, Device device, long... shape) {
        return new Tensor(torch.empty(shape, Natives.options(dtype, device), Natives.NO_MEMORY_FORMAT));
    }

    public static Tensor zeros(DType dtype, Device device, long... shape) {
        return new Tensor(torch.zeros(shape, Natives.options(dtype, device)));
    }

    public static Tensor full(double value, DType dtype, Device device, long... shape) {
        return empty(dtype, device, shape).fillInPlace(value);
    }

    /// A float32 tensor on the CPU.
    ///
    /// @param shape as many elements as `values`; a vector when left out
    public static Tensor of(float[] values, long... shape) {
        Tensor result = forValues(DType.F32, values.length, shape);
        MemorySegment.copy(values, 0, result.memory(), ValueLayout.JAVA_FLOAT, 0, values.length);
        return result;
    }

    /// An int64 tensor on the CPU.
    public static Tensor of(long[] values, long... shape) {
        Tensor result = forValues(DType.I64, values.length, shape);
        MemorySegment.copy(values, 0, result.memory(), ValueLayout.JAVA_LONG, 0, values.length);
        return result;
    }

    /// An int64 tensor on the CPU, from token ids or indices.
    public static Tensor of(int[] values) {
        return of(Arrays.stream(values).asLongStream().toArray());
    }

    private static Tensor forValues(DType dtype, int count, long[] shape) {
        long[] actual = shape.length == 0 ? new long[] {count} : shape;
        if (Shapes.elements(actual) != count) {
            throw new IllegalArgumentException("shape %s has %d elements; %d values were given"
                    .formatted(Arrays.toString(actual), Shapes.elements(actual), count));
        }
        return empty(dtype, Device.cpu(), actual);
    }

    /// A tensor over memory that somebody else owns, such as a memory-mapped file. Nothing is copied; the
    /// memory must outlive the tensor, and must not be written when it is read-only.
    public static Tensor over(MemorySegment memory, DType dtype, long... shape) {
        if (Shapes.bytes(dtype, shape) != memory.byteSize()) {
            throw new IllegalArgumentException("shape %s of %s takes %d bytes; the memory has %d"
                    .formatted(Arrays.toString(shape), dtype, Shapes.bytes(dtype, shape), memory.byteSize()));
        }
        if (memory.byteSize() == 0) {
            return empty(dtype, Device.cpu(), shape);
        }
        try (Pointer pointer = Natives.pointer(memory)) {
            return new Tensor(torch.from_blob(pointer, shape, Natives.options(dtype, Device.cpu())));
        }
    }

    /// The whole numbers `0 … count-1` as int64.
    public static Tensor arange(long count, Device device) {
        try (Scalar end = new Scalar(count)) {
            return new Tensor(torch.arange(end, Natives.options(DType.I64, device)));
        }
    }

    public static Tensor cat(List<Tensor> parts, int dim) {
        try (TensorVector vector = vector(parts)) {
            return new Tensor(torch.cat(vector, dim));
        }
    }

    public static Tensor stack(List<Tensor> parts, int dim) {
        try (TensorVector vector = vector(parts)) {
            return new Tensor(torch.stack(vector, dim));
        }
    }

    private static TensorVector vector(List<Tensor> parts) {
        return new TensorVector(parts.stream().map(t -> t.handle).toArray(org.bytedeco.pytorch.Tensor[]::new));
    }

    // ---------------------------------------------------------------- owning

    /// Adds a holder; the tensor outlives its scope until the matching [#release].
    ///
    /// @return this tensor
    public Tensor retain() {
        requireAlive();
        holders++;
        return this;
    }

    /// Ends one hold; the memory goes with the last.
    public void release() {
        requireAlive();
        if (--holders == 0) {
            handle.close();
            LIVE.decrementAndGet();
        }
    }

    /// Tensors of all threads that have not been freed; tests hold it still to show that nothing leaks.
    static long live() {
        return LIVE.get();
    }

    /// Whether somebody holds this tensor still.
    boolean isAlive() {
        return holders > 0;
    }

    private void requireAlive() {
        if (holders <= 0) {
            throw new IllegalStateException("this tensor has been freed; keep() or retain() it if it must live longer");
        }
    }

    // ---------------------------------------------------------------- looking

    public long[] shape() {
        if (shape == null) {
            shape = new long[(int) handle.dim()];
            for (int i = 0; i < shape.length; i++) {
                shape[i] = handle.size(i);
            }
        }
        return shape.clone();
    }

    /// Length along one dimension; negative counts from the last.
    public long size(int dim) {
        return handle.size(dim);
    }

    public int dims() {
        return (int) handle.dim();
    }

    /// Elements altogether.
    public long elements() {
        return handle.numel();
    }

    public long bytes() {
        return elements() * dtype().bytes();
    }

    public DType dtype() {
        if (dtype == null) {
            dtype = Natives.dtype(handle.scalar_type());
        }
        return dtype;
    }

    public Device device() {
        return handle.is_cuda() ? Device.cuda(Natives.deviceIndex(handle)) : Device.cpu();
    }

    public boolean isContiguous() {
        return handle.is_contiguous();
    }

    /// The elements' memory, valid as long as this tensor is. Only for contiguous tensors on the CPU.
    public MemorySegment memory() {
        requireAlive();
        if (handle.is_cuda() || !handle.is_contiguous()) {
            throw new IllegalStateException("memory() needs a contiguous tensor on the CPU; this is " + this);
        }
        // libtorch gives an empty tensor no memory at all
        return elements() == 0
                ? MemorySegment.NULL
                : MemorySegment.ofAddress(Natives.address(handle)).reinterpret(bytes());
    }

    /// The value of a tensor of one element.
    public double item() {
        requireAlive();
        try (Scalar value = handle.item()) {
            return value.toDouble();
        }
    }

    /// A copy of all elements as float32, row by row.
    public float[] toFloats() {
        try (Scope scope = Scope.open()) {
            Tensor plain = to(DType.F32).to(Device.cpu()).contiguous();
            return plain.memory().toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    /// A copy of all elements as int64, row by row.
    public long[] toLongs() {
        try (Scope scope = Scope.open()) {
            Tensor plain = to(DType.I64).to(Device.cpu()).contiguous();
            return plain.memory().toArray(ValueLayout.JAVA_LONG);
        }
    }

    @Override
    public String toString() {
        return holders > 0 ? "Tensor" + Arrays.toString(shape()) + " " + dtype() + " on " + device() : "Tensor (freed)";
    }

    // ---------------------------------------------------------------- rearranging

    /// The same tensor in another type; shares memory when it has that type already.
    public Tensor to(DType type) {
        return new Tensor(handle.to(Natives.scalarType(type)));
    }

    /// The same tensor on another device; shares memory when it is there already.
    public Tensor to(Device device) {
        return new Tensor(handle.to(Natives.device(device), Natives.scalarType(dtype())));
    }

    public Tensor contiguous() {
        return new Tensor(handle.contiguous());
    }

    /// A copy in memory of its own.
    public Tensor copy() {
        return new Tensor(handle.clone());
    }

    public Tensor view(long... newShape) {
        return new Tensor(handle.view(newShape));
    }

    public Tensor reshape(long... newShape) {
        return new Tensor(handle.reshape(newShape));
    }

    public Tensor transpose(int a, int b) {
        return new Tensor(handle.transpose(a, b));
    }

    /// The transpose of a matrix, sharing its memory.
    public Tensor t() {
        return new Tensor(handle.t());
    }

    public Tensor permute(long... order) {
        return new Tensor(handle.permute(order));
    }

    /// `length` places along `dim` from `start` on, sharing memory.
    public Tensor narrow(int dim, long start, long length) {
        return new Tensor(handle.narrow(dim, start, length));
    }

    public Tensor select(int dim, long index) {
        return new Tensor(handle.select(dim, index));
    }

    public Tensor unsqueeze(int dim) {
        return new Tensor(handle.unsqueeze(dim));
    }

    public Tensor expand(long... newShape) {
        return new Tensor(handle.expand(newShape));
    }

    /// Rows (places along `dim`) picked by an int64 vector.
    public Tensor indexSelect(int dim, Tensor index) {
        return new Tensor(handle.index_select(dim, index.handle));
    }

    /// Gradient of picking rows `ids` from a table of `vocab` rows: this tensor's rows added up by id,
    /// `[vocab, width]`.
    public Tensor embeddingBackward(Tensor ids, long vocab) {
        return new Tensor(torch.embedding_dense_backward(handle, ids.handle, vocab, -1, false));
    }

    public Tensor gather(int dim, Tensor index) {
        return new Tensor(handle.gather(dim, index.handle));
    }

    // ---------------------------------------------------------------- products

    /// Matrix product `[m, k] × [k, n]`.
    public Tensor mm(Tensor other) {
        return new Tensor(handle.mm(other.handle));
    }

    /// Batch of matrix products `[b, m, k] × [b, k, n]`.
    public Tensor bmm(Tensor other) {
        return new Tensor(handle.bmm(other.handle));
    }

    public Tensor matmul(Tensor other) {
        return new Tensor(handle.matmul(other.handle));
    }

    /// This tensor becomes `this + alpha · a × b`.
    public Tensor addmmInPlace(Tensor a, Tensor b, double alpha) {
        try (Scalar one = new Scalar(1.0);
                Scalar scale = new Scalar(alpha)) {
            return inPlace(handle.addmm_(a.handle, b.handle, one, scale));
        }
    }

    // ---------------------------------------------------------------- arithmetic

    public Tensor add(Tensor other) {
        return new Tensor(handle.add(other.handle));
    }

    public Tensor add(double value) {
        return scalar(value, v -> handle.add(v));
    }

    public Tensor sub(Tensor other) {
        return new Tensor(handle.sub(other.handle));
    }

    public Tensor mul(Tensor other) {
        return new Tensor(handle.mul(other.handle));
    }

    public Tensor mul(double value) {
        return scalar(value, v -> handle.mul(v));
    }

    public Tensor div(Tensor other) {
        return new Tensor(handle.div(other.handle));
    }

    public Tensor neg() {
        return new Tensor(handle.neg());
    }

    public Tensor square() {
        return new Tensor(handle.square());
    }

    public Tensor sqrt() {
        return new Tensor(handle.sqrt());
    }

    public Tensor rsqrt() {
        return new Tensor(handle.rsqrt());
    }

    public Tensor exp() {
        return new Tensor(handle.exp());
    }

    public Tensor log() {
        return new Tensor(handle.log());
    }

    public Tensor abs() {
        return new Tensor(handle.abs());
    }

    /// Each element as the nearest whole number, ties to even.
    public Tensor round() {
        return new Tensor(handle.round());
    }

    public Tensor sin() {
        return new Tensor(handle.sin());
    }

    public Tensor cos() {
        return new Tensor(handle.cos());
    }

    public Tensor tanh() {
        return new Tensor(handle.tanh());
    }

    public Tensor sigmoid() {
        return new Tensor(handle.sigmoid());
    }

    public Tensor silu() {
        return new Tensor(torch.silu(handle));
    }

    public Tensor relu() {
        return new Tensor(handle.relu());
    }

    /// Gaussian error unit `x · Φ(x)`.
    ///
    /// @param tanh whether Φ is approximated by a hyperbolic tangent
    public Tensor gelu(boolean tanh) {
        return new Tensor(torch.gelu(handle, tanh ? "tanh" : "none"));
    }

    /// Gradient of [#gelu] of `x`, this tensor being the gradient of its result.
    public Tensor geluBackward(Tensor x, boolean tanh) {
        return new Tensor(torch.gelu_backward(handle, x.handle, tanh ? "tanh" : "none"));
    }

    /// `(x − mean) / √(variance + epsilon) · gain + bias` of each row of the last dimension.
    ///
    /// @param gain of the type of this tensor, as is `bias`
    public LayerNorm layerNorm(Tensor gain, Tensor bias, double epsilon) {
        try (var weight = new TensorOptional(gain.handle);
                var shift = new TensorOptional(bias.handle);
                var all = torch.native_layer_norm(handle, new long[] {size(-1)}, weight, shift, epsilon)) {
            return new LayerNorm(own(all.get0()), own(all.get1()), own(all.get2()));
        }
    }

    /// Result of [#layerNorm]: values, and of each row its mean and `1 / √(variance + epsilon)`.
    public record LayerNorm(Tensor y, Tensor mean, Tensor inverse) {}

    /// Gradients of [#layerNorm] of `x`, this tensor being the gradient of its result; of `x`, the gain
    /// and the bias those that are wanted.
    public List<Optional<Tensor>> layerNormBackward(
            Tensor x, Tensor gain, Tensor bias, LayerNorm forward, boolean... wanted) {
        try (var weight = new TensorOptional(gain.handle);
                var shift = new TensorOptional(bias.handle);
                var mask = flags(wanted);
                var all = torch.native_layer_norm_backward(
                        handle,
                        x.handle,
                        new long[] {size(-1)},
                        forward.mean.handle,
                        forward.inverse.handle,
                        weight,
                        shift,
                        mask)) {
            return List.of(ownIf(all.get0()), ownIf(all.get1()), ownIf(all.get2()));
        }
    }

    private static BoolPointer flags(boolean... values) {
        BoolPointer flags = new BoolPointer(values.length);
        for (int i = 0; i < values.length; i++) {
            flags.put(i, values[i]);
        }
        return flags;
    }

    /// A member of a native tuple, as a tensor of its own.
    private static Tensor own(org.bytedeco.pytorch.Tensor member) {
        return new Tensor(new org.bytedeco.pytorch.Tensor(member));
    }

    private static Optional<Tensor> ownIf(org.bytedeco.pytorch.Tensor member) {
        return member.defined() ? Optional.of(own(member)) : Optional.empty();
    }

    public Tensor softmax(int dim) {
        return new Tensor(handle.softmax(dim));
    }

    public Tensor logSoftmax(int dim) {
        return new Tensor(handle.log_softmax(dim));
    }

    public Tensor logSumExp(int dim) {
        return new Tensor(handle.logsumexp(dim));
    }

    public Tensor sum() {
        return new Tensor(handle.sum());
    }

    /// Sum along one dimension.
    public Tensor sum(int dim, boolean keepDim) {
        return new Tensor(handle.sum(new long[] {dim}, keepDim, Natives.NO_TYPE));
    }

    public Tensor mean(int dim, boolean keepDim) {
        return new Tensor(handle.mean(new long[] {dim}, keepDim, Natives.NO_TYPE));
    }

    public Tensor max() {
        return new Tensor(handle.max());
    }

    /// The largest value along one dimension.
    public Tensor amax(int dim, boolean keepDim) {
        return new Tensor(handle.amax(new long[] {dim}, keepDim));
    }

    /// Index of the largest value along one dimension; the first of equals is not promised.
    public Tensor argmax(int dim) {
        try (var where = new org.bytedeco.pytorch.LongOptional(dim)) {
            return new Tensor(handle.argmax(where, false));
        }
    }

    /// The `count` largest values along the last dimension, largest first, and where they stand.
    public TopK topk(long count) {
        try (T_TensorTensor_T both = handle.topk(count)) {
            return new TopK(
                    new Tensor(new org.bytedeco.pytorch.Tensor(both.get0())),
                    new Tensor(new org.bytedeco.pytorch.Tensor(both.get1())));
        }
    }

    /// Result of [#topk]: values and their int64 indices, of the same shape.
    public record TopK(Tensor values, Tensor indices) {}

    public Tensor eq(Tensor other) {
        return new Tensor(handle.eq(other.handle));
    }

    public Tensor ge(Tensor other) {
        return new Tensor(handle.ge(other.handle));
    }

    public Tensor lt(Tensor other) {
        return new Tensor(handle.lt(other.handle));
    }

    /// A copy with `value` wherever `mask` (bool) is true.
    public Tensor maskedFill(Tensor mask, double value) {
        return scalar(value, v -> handle.masked_fill(mask.handle, v));
    }

    /// Whether every element is a finite number.
    public boolean allFinite() {
        try (Scope scope = Scope.open()) {
            return new Tensor(new Tensor(torch.isfinite(handle)).handle.all()).item() != 0;
        }
    }

    /// L2 norm of all elements.
    public double norm() {
        try (Scope scope = Scope.open()) {
            return new Tensor(to(DType.F32).handle.norm()).item();
        }
    }

    // ---------------------------------------------------------------- in place

    public Tensor fillInPlace(double value) {
        try (Scalar v = new Scalar(value)) {
            return inPlace(handle.fill_(v));
        }
    }

    public Tensor zeroInPlace() {
        return inPlace(handle.zero_());
    }

    /// Copies the elements of `source`, converting type and device.
    public Tensor copyInPlace(Tensor source) {
        return inPlace(handle.copy_(source.handle));
    }

    public Tensor addInPlace(Tensor other) {
        return inPlace(handle.add_(other.handle));
    }

    /// This tensor becomes `this + alpha · other`.
    public Tensor addInPlace(Tensor other, double alpha) {
        try (Scalar scale = new Scalar(alpha)) {
            return inPlace(handle.add_(other.handle, scale));
        }
    }

    public Tensor mulInPlace(Tensor other) {
        return inPlace(handle.mul_(other.handle));
    }

    public Tensor mulInPlace(double value) {
        try (Scalar v = new Scalar(value)) {
            return inPlace(handle.mul_(v));
        }
    }

    /// This tensor becomes `this + value · a · b`, element by element.
    public Tensor addcmulInPlace(Tensor a, Tensor b, double value) {
        try (Scalar v = new Scalar(value)) {
            return inPlace(handle.addcmul_(a.handle, b.handle, v));
        }
    }

    /// Adds each row of `source` to the row that `index` names, along `dim`.
    public Tensor indexAddInPlace(int dim, Tensor index, Tensor source) {
        return inPlace(handle.index_add_(dim, index.handle, source.handle));
    }

    /// Copies each row of `source` over the row that `index` names, along `dim`.
    public Tensor indexCopyInPlace(int dim, Tensor index, Tensor source) {
        return inPlace(handle.index_copy_(dim, index.handle, source.handle));
    }

    /// Adds each element of `source` where `index` says along `dim`, like PyTorch's `scatter_add_`.
    public Tensor scatterAddInPlace(int dim, Tensor index, Tensor source) {
        return inPlace(handle.scatter_add_(dim, index.handle, source.handle));
    }

    /// This tensor becomes `this + weight · (end − this)`.
    public Tensor lerpInPlace(Tensor end, double weight) {
        try (Scalar w = new Scalar(weight)) {
            return inPlace(handle.lerp_(end.handle, w));
        }
    }

    /// This tensor becomes `this + value · a / b`, element by element.
    public Tensor addcdivInPlace(Tensor a, Tensor b, double value) {
        try (Scalar v = new Scalar(value)) {
            return inPlace(handle.addcdiv_(a.handle, b.handle, v));
        }
    }

    // ---------------------------------------------------------------- libtorch's autograd

    /// A leaf of libtorch's own gradient tape with the same memory; for objectives, escape hatches and tests.
    public Tensor leaf() {
        Tensor detached = new Tensor(handle.detach());
        return detached.inPlace(detached.handle.requires_grad_(true));
    }

    /// The same memory without history.
    public Tensor detach() {
        return new Tensor(handle.detach());
    }

    /// Runs libtorch's backward from this tensor of one element.
    public void backward() {
        handle.backward();
    }

    /// Runs libtorch's backward from this tensor.
    ///
    /// @param gradient of the loss with respect to this tensor, of its shape
    public void backward(Tensor gradient) {
        handle.backward(gradient.handle, Natives.NO_BOOL, false, Natives.NO_TENSORS);
    }

    /// The gradient libtorch's backward left on this leaf; empty when nothing reached it.
    public Optional<Tensor> grad() {
        var grad = handle.grad();
        if (grad.defined()) {
            return Optional.of(new Tensor(grad));
        }
        grad.close();
        return Optional.empty();
    }

    org.bytedeco.pytorch.Tensor handle() {
        requireAlive();
        return handle;
    }

    static Tensor adopt(org.bytedeco.pytorch.Tensor handle) {
        return new Tensor(handle);
    }

    private static Tensor scalar(double value, Function<Scalar, org.bytedeco.pytorch.Tensor> op) {
        try (Scalar v = new Scalar(value)) {
            return new Tensor(op.apply(v));
        }
    }

    /// In-place operations return a second handle of the same tensor; it is closed and this one returned.
    private Tensor inPlace(org.bytedeco.pytorch.Tensor same) {
        if (same != handle) {
            same.close();
        }
        return this;
    }
}
