namespace Notifier.Connections;

/// <summary>What stands in a <see cref="Roster{T}"/> remembers its place there.</summary>
internal interface IRostered
{
    /// <summary>Written by the roster alone.</summary>
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
internal sealed class Roster<T> where T : class, IRostered
{
    private readonly List<T> members = new(1);

    public int Count => members.Count;

    public void Add(T member)
    {
        member.Place = members.Count;
        members.Add(member);
    }

    public void Remove(T member)
    {
        var last = members[^1];
        members[member.Place] = last;
        last.Place = member.Place;
        members.RemoveAt(members.Count - 1);
        if (members.Capacity > 64 && members.Count < members.Capacity / 4)
            members.Capacity = members.Count * 2;
    }

    /// <summary>Copies the members before <paramref name="end"/>, as many as there is room for, and moves the end there.</summary>
    /// <param name="end">The count at the start of a walk; zero when it is over.</param>
    /// <param name="chunk">Filled from its beginning.</param>
    /// <returns>How many were copied.</returns>
    public int CopyChunk(ref int end, Span<T> chunk)
    {
        end = Math.Min(end, members.Count);
        var count = Math.Min(end, chunk.Length);
        end -= count;
        for (var i = 0; i < count; i++)
            chunk[i] = members[end + i];
        return count;
    }
}
