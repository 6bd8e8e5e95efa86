namespace Notifier.Connections;

/// <summary>A member of a <see cref="ChunkedSet{T}"/> stores its place in the set.</summary>
internal interface IChunkedSetMember
{
    /// <summary>Written only by the set.</summary>
    int Place { get; set; }
}

/// <summary>
/// A set with O(1) addition and removal. It can be enumerated in chunks, without a copy, while members come and go. Not thread-safe: called
/// under the lock of the set's user; a walk enters that lock once for each chunk.
/// </summary>
/// <remarks>
/// A walk goes from the end to the beginning. When a member is removed, the last member takes its place. So no member that was there at the
/// start is missed, but one may be visited twice. New members are added at the end and not visited.
/// </remarks>
internal class ChunkedSet<T> where T : class, IChunkedSetMember
{
    private T?[] members = new T?[1];
    private int count;

    public int Count => count;

    public void Add(T member)
    {
        if (count == members.Length)
            Array.Resize(ref members, count * 2);
        member.Place = count;
        members[count++] = member;
    }

    public void Remove(T member)
    {
        var last = members[--count]!;
        members[member.Place] = last;
        last.Place = member.Place;
        members[count] = null;
        if (members.Length > 64 && count < members.Length / 4)
            Array.Resize(ref members, count * 2);
    }

    /// <summary>Walks over the members. Called without the lock.</summary>
    /// <param name="gate">The lock of the set's user, entered while a chunk is copied.</param>
    /// <param name="buffer">Where each chunk is copied to; cleared afterwards, so that it keeps no member alive.</param>
    public Walk InChunks(Lock gate, Memory<T> buffer) => new(this, gate, buffer);

    /// <summary>
    /// Copies as many members before <paramref name="end"/> as fit into <paramref name="chunk"/>, and moves the end to the first of them. Under the
    /// lock.
    /// </summary>
    /// <returns>How many were copied.</returns>
    public int CopyChunk(ref int end, Span<T> chunk)
    {
        end = Math.Min(end, count);
        var copied = Math.Min(end, chunk.Length);
        end -= copied;
        members.AsSpan(end, copied).CopyTo(chunk!);
        return copied;
    }

    /// <summary>For <c>foreach</c>: each iteration is a chunk of members.</summary>
    internal ref struct Walk(ChunkedSet<T> members, Lock gate, Memory<T> room)
    {
        private readonly Span<T> buffer = room.Span;
        private int end = int.MaxValue;
        private int count;

        public readonly ReadOnlySpan<T> Current => buffer[..count];

        public readonly Walk GetEnumerator() => this;

        public bool MoveNext()
        {
            buffer[..count].Clear();
            if (end == 0)
                return false;       // most sets are so small that the first chunk was all
            lock (gate)
                count = members.CopyChunk(ref end, buffer);
            return count > 0;
        }
    }
}
