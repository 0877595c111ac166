package dev.graft.tensor;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/// Memory for large tensors that are made and freed again and again, such as unpacked weights: what one
/// scope has freed, the next take of the same size gets, without a trip to the system.
///
/// A thread gets only memory it has used before itself, or that a thread which has ended has left.
public final class Scratch implements AutoCloseable {
    private final List<Slot> slots = new ArrayList<>();

    private static final class Slot {
        private final Thread owner;
        private final Tensor memory;
        private Tensor lent;

        Slot(Thread owner, Tensor memory) {
            this.owner = owner;
            this.memory = memory;
        }

        boolean isFree() {
            return lent == null || !lent.isAlive();
        }

        boolean fits(DType dtype, Device device, long elements) {
            return memory.dtype() == dtype
                    && memory.elements() == elements
                    && memory.device().equals(device);
        }
    }

    /// An uninitialised tensor of the current scope, as [Tensor#empty] makes. Views of it must not
    /// outlive it.
    public synchronized Tensor take(DType dtype, Device device, long... shape) {
        Slot slot = slot(dtype, device, Shapes.elements(shape));
        slot.lent = slot.memory.view(shape);
        return slot.lent;
    }

    private Slot slot(DType dtype, Device device, long elements) {
        Thread here = Thread.currentThread();
        for (Iterator<Slot> all = slots.iterator(); all.hasNext(); ) {
            Slot slot = all.next();
            if (slot.owner == here && slot.isFree() && slot.fits(dtype, device, elements)) {
                return slot;
            }
            if (!slot.owner.isAlive() && slot.isFree()) {
                slot.memory.release();
                all.remove();
            }
        }
        try (Scope scope = Scope.open()) {
            Slot fresh = new Slot(here, Tensor.empty(dtype, device, elements).retain());
            slots.add(fresh);
            return fresh;
        }
    }

    /// Bytes held, lent or not.
    public synchronized long bytes() {
        return slots.stream().mapToLong(slot -> slot.memory.bytes()).sum();
    }

    /// Frees the memory; what is lent stays until its scope closes.
    @Override
    public synchronized void close() {
        slots.forEach(slot -> slot.memory.release());
        slots.clear();
    }
}
