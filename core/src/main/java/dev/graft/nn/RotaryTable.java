package dev.graft.nn;

import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Cosines and sines of a rotation, grown as longer documents come: one table for all lengths that are
/// turned alike.
public final class RotaryTable implements AutoCloseable {
    /// Tables kept from one run to the next.
    private static final int TABLES = 4;

    private final Rotation rotation;
    private final Device device;
    private final Map<Integer, Table> tables = new TreeMap<>();

    public RotaryTable(Rotation rotation, Device device) {
        this.rotation = rotation;
        this.device = device;
    }

    /// Rows for tokens at these positions of documents of these lengths, float32 `[tokens, pairs]` each.
    public CosSin at(int[] positions, int[] lengths) {
        if (tables.size() > TABLES) {
            close();
        }
        Map<Integer, Integer> rowsNeeded = new TreeMap<>();
        int[] kinds = new int[positions.length];
        for (int i = 0; i < positions.length; i++) {
            kinds[i] = rotation.sameUntil(lengths[i]);
            rowsNeeded.merge(kinds[i], positions[i] + 1, Math::max);
        }
        Map<Integer, Integer> firstRows = new TreeMap<>();
        List<Table> used = new ArrayList<>();
        int rows = 0;
        for (var need : rowsNeeded.entrySet()) {
            Table table = tables.computeIfAbsent(need.getKey(), Table::new);
            table.reach(need.getValue());
            firstRows.put(need.getKey(), rows);
            used.add(table);
            rows += table.rows;
        }
        int[] index = new int[positions.length];
        for (int i = 0; i < index.length; i++) {
            index[i] = firstRows.get(kinds[i]) + positions[i];
        }
        return picked(used, Tensor.of(index).to(device));
    }

    private static CosSin picked(List<Table> used, Tensor index) {
        if (used.size() == 1) {
            Table only = used.getFirst();
            return new CosSin(only.cos.indexSelect(0, index), only.sin.indexSelect(0, index));
        }
        Tensor cos = Tensor.cat(used.stream().map(table -> table.cos).toList(), 0);
        Tensor sin = Tensor.cat(used.stream().map(table -> table.sin).toList(), 0);
        return new CosSin(cos.indexSelect(0, index), sin.indexSelect(0, index));
    }

    /// Cosines and sines of the angles of some positions, one row each.
    public record CosSin(Tensor cos, Tensor sin) {}

    /// Rows for positions from 0.
    private final class Table {
        private final float[] frequencies;
        private Tensor cos;
        private Tensor sin;
        private int rows;

        /// @param length of a document that is turned by this table
        Table(int length) {
            this.frequencies = rotation.frequencies(length);
        }

        void reach(int needed) {
            if (needed > rows) {
                grow(Math.max(needed, Math.min(2 * rows, 1 << 16)));
            }
        }

        private void grow(int newRows) {
            int pairs = frequencies.length;
            float[] cosines = new float[Math.multiplyExact(newRows, pairs)];
            float[] sines = new float[cosines.length];
            for (int position = 0; position < newRows; position++) {
                for (int i = 0; i < pairs; i++) {
                    // The angle is rounded to float32 first, as the reference implementations compute it.
                    float angle = position * frequencies[i];
                    cosines[position * pairs + i] = (float) Math.cos(angle) * rotation.magnitude();
                    sines[position * pairs + i] = (float) Math.sin(angle) * rotation.magnitude();
                }
            }
            free();
            try (Scope scope = Scope.open()) {
                cos = Tensor.of(cosines, newRows, pairs).to(device).retain();
                sin = Tensor.of(sines, newRows, pairs).to(device).retain();
            }
            rows = newRows;
        }

        void free() {
            if (rows > 0) {
                cos.release();
                sin.release();
                rows = 0;
            }
        }
    }

    @Override
    public void close() {
        tables.values().forEach(Table::free);
        tables.clear();
    }
}
