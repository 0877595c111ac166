package dev.graft.data;

import java.util.AbstractList;
import java.util.List;
import java.util.Objects;
import java.util.RandomAccess;

/// Tokenised examples, which need not be in memory: how long each is, is known without reading it.
public abstract class Examples extends AbstractList<Tokenized> implements RandomAccess {

    /// Tokens of one example.
    public abstract int tokens(int index);

    /// Tokens of one example that carry loss.
    public abstract int labelled(int index);

    /// Examples `from` up to `to`.
    Examples part(int from, int to) {
        Objects.checkFromToIndex(from, to, size());
        Examples all = this;
        return new Examples() {
            @Override
            public int size() {
                return to - from;
            }

            @Override
            public Tokenized get(int index) {
                return all.get(from + Objects.checkIndex(index, size()));
            }

            @Override
            public int tokens(int index) {
                return all.tokens(from + index);
            }

            @Override
            public int labelled(int index) {
                return all.labelled(from + index);
            }
        };
    }

    /// The examples of a list, which is kept.
    public static Examples of(List<Tokenized> list) {
        return list instanceof Examples already ? already : new Listed(list);
    }

    private static final class Listed extends Examples {
        private final List<Tokenized> list;

        Listed(List<Tokenized> list) {
            this.list = List.copyOf(list);
        }

        @Override
        public int size() {
            return list.size();
        }

        @Override
        public Tokenized get(int index) {
            return list.get(index);
        }

        @Override
        public int tokens(int index) {
            return list.get(index).tokens();
        }

        @Override
        public int labelled(int index) {
            return list.get(index).labelledCount();
        }
    }
}
