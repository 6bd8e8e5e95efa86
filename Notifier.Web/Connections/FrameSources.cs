using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// The sources of a connection, which take turns, so that a busy name does not delay the others. Used by the connection's owner; a field, never
/// copied.
/// </summary>
/// <remarks>
/// Most connections have one source, and with 10,000 such connections, each object that a message touches is a cache miss. So the first source
/// needs no list.
/// </remarks>
internal struct FrameSources
{
    private FrameSource? first;
    private List<FrameSource>? others;
    private int turn;

    /// <summary>Whether <see cref="Close"/> was called.</summary>
    public bool AreClosed { get; private set; }

    private readonly int Count => first is null ? 0 : 1 + (others?.Count ?? 0);

    /// <summary>Adds a source, unless the sources are closed.</summary>
    public void Add(FrameSource source)
    {
        if (AreClosed)
            return;
        if (first is null)
            first = source;
        else
            (others ??= new(3)).Add(source);
    }

    public void Remove(FrameSource source)
    {
        if (source != first)
        {
            others?.Remove(source);
            return;
        }
        first = null;
        if (others is not { Count: > 0 })
            return;
        first = others[0];
        others.RemoveAt(0);
    }

    /// <summary>Removes all sources. No more can be added.</summary>
    public void Close()
    {
        (first, others) = (null, null);
        AreClosed = true;
    }

    /// <summary>Whether any source has unsent frames.</summary>
    public readonly bool AreBehind => NextBehind() is not null;

    /// <summary>Writes a batch of one source, together with frames that wait in the others.</summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public readonly int Write(FrameWriter writer, in FrameBatch batch, FrameSource source)
    {
        if (others is null || batch.Bytes.IsEmpty || !batch.Payload.IsEmpty || !IsAnotherBehind(source))
            return writer.Write(batch);
        var combined = CombinedFrames.ForThisThread;
        combined.Begin(batch);
        for (var at = 0; at < Count; at++)
        {
            if (this[at] is { IsBehind: true } other && other != source)
                combined.Add(other);
        }
        var sent = writer.Write(combined.Batch);
        combined.Advance(sent - batch.Count);
        return Math.Min(sent, batch.Count);
    }

    /// <summary>Sends one slice of the next source that has unsent frames.</summary>
    public void CatchUp()
    {
        if (NextBehind() is not { } next)
            return;
        turn = next + 1;
        this[next].CatchUp();
    }

    private readonly FrameSource this[int at] => at == 0 ? first! : others![at - 1];

    private readonly bool IsAnotherBehind(FrameSource one)
    {
        for (var at = 0; at < Count; at++)
        {
            if (this[at] is { IsBehind: true } other && other != one)
                return true;
        }
        return false;
    }

    private readonly int? NextBehind()
    {
        for (int tried = 0, count = Count; tried < count; tried++)
        {
            var at = (turn + tried) % count;
            if (this[at].IsBehind)
                return at;
        }
        return null;
    }
}
