package dev.graft.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/// Braces for native memory: every tensor made while a scope is the innermost one of its thread belongs
/// to it and is freed when it closes, unless it was handed on with [#keep] or somebody else
/// [retains][Tensor#retain] it.
///
/// ```java
/// try (var scope = Scope.open()) {
///     Tensor hidden = x.mm(weight);          // freed at the brace …
///     return scope.keep(hidden.silu());      // … this one belongs to the caller's scope
/// }
/// ```
///
/// A scope belongs to the thread that opened it, and scopes close in the reverse order of their opening.
/// Closing one twice is an error: a second close usually means two owners.
public final class Scope implements AutoCloseable {
    private static final ThreadLocal<Scope> CURRENT = new ThreadLocal<>();

    private final Thread owner = Thread.currentThread();
    private final Scope parent;
    private final List<Tensor> tensors = new ArrayList<>();
    private boolean closed;

    private Scope(Scope parent) {
        this.parent = parent;
    }

    /// Opens a scope inside the current one of this thread.
    public static Scope open() {
        Scope scope = new Scope(CURRENT.get());
        CURRENT.set(scope);
        return scope;
    }

    /// Runs `work` in a scope of its own and hands its result to the caller's scope.
    public static Tensor local(Supplier<Tensor> work) {
        try (Scope scope = open()) {
            return scope.keep(work.get());
        }
    }

    static Scope current() {
        Scope scope = CURRENT.get();
        if (scope == null) {
            throw new IllegalStateException(
                    "no Scope is open on thread \"%s\"; a tensor needs one to belong to: try (var scope = Scope.open()) { … }"
                            .formatted(Thread.currentThread().getName()));
        }
        return scope;
    }

    void add(Tensor tensor) {
        tensors.add(tensor);
    }

    /// Hands a tensor to the enclosing scope.
    ///
    /// @return the same tensor
    public Tensor keep(Tensor tensor) {
        requireOpen();
        if (parent == null) {
            throw new IllegalStateException("the outermost scope has nobody to hand a tensor to; retain() it instead");
        }
        parent.add(tensor.retain());
        return tensor;
    }

    @Override
    public void close() {
        requireOpen();
        if (CURRENT.get() != this) {
            throw new IllegalStateException("an inner scope is still open; scopes close in reverse order");
        }
        closed = true;
        if (parent == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(parent);
        }
        for (int i = tensors.size() - 1; i >= 0; i--) {
            tensors.get(i).release();
        }
        tensors.clear();
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this scope is closed already");
        }
        if (Thread.currentThread() != owner) {
            throw new IllegalStateException("this scope belongs to thread \"%s\", not \"%s\""
                    .formatted(owner.getName(), Thread.currentThread().getName()));
        }
    }
}
