namespace Notifier.Connections;

/// <summary>What stands in a <see cref="ChunkedSet{T}"/> remembers its place there.</summary>
internal interface IChunkedSetMember
{
    /// <summary>Written by the set alone.</summary>
    int Place { get; set; }
}

/// <summary>
/// A set whose members come and go in O(1), and that is walked in chunks while they do, without a copy. Not thread-safe:
/// called under its owner's lock; a walk takes the lock once for each chunk.
/// </summary>
/// <remarks>
/// A walk goes from the end to the beginning. Who leaves is replaced by the last member, which a walk has visited already
/// (or which stays ahead of it), so nobody who was there at the start is missed; somebody may be visited twice. Who
/// comes is put at the end, and not visited.
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

    /// <summary>Walks over the members, to be called without the lock.</summary>
    /// <param name="gate">The owner's lock, taken while a chunk is copied.</param>
    /// <param name="buffer">Where each chunk is copied to; cleared afterwards, so that it keeps nobody alive.</param>
    public Walk InChunks(Lock gate, Memory<T> buffer) => new(this, gate, buffer);

    /// <summary>
    /// Copies the members before <paramref name="end"/>, as many as there is room for, and moves the end there. Under the owner's lock.
    /// </summary>
    public int CopyChunk(ref int end, Span<T> chunk)
    {
        end = Math.Min(end, count);
        var copied = Math.Min(end, chunk.Length);
        end -= copied;
        members.AsSpan(end, copied).CopyTo(chunk!);
        return copied;
    }

    /// <summary>For <c>foreach</c>: each turn is a chunk of members.</summary>
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
                return false;       // most names have so few that the first chunk was all
            lock (gate)
                count = members.CopyChunk(ref end, buffer);
            return count > 0;
        }
    }
}
