using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// Keeps frames whole on their way into a transport: a frame that was begun is finished before anything else is sent. Used only by the
/// owner of the connection.
/// </summary>
/// <param name="transport">The destination.</param>
/// <param name="format">Finds the end of a frame.</param>
internal sealed class FrameWriter(Transport transport, WireFormat format)
{
    /// <summary>The rest of the frame that was begun: first these bytes, which are a copy…</summary>
    private ReadOnlyMemory<byte> rest;

    /// <summary>…then these, which are shared.</summary>
    private ReadOnlyMemory<byte> sharedRest;

    private long messages;
    private long bytes;

    /// <summary>What was written since the beginning. Any thread may read it.</summary>
    public SentTotals Sent => new(Volatile.Read(ref messages), Volatile.Read(ref bytes));

    /// <summary>Whether no frame is unfinished and the transport accepts the next one.</summary>
    public bool IsReady => rest.IsEmpty && sharedRest.IsEmpty && transport.IsReady;

    /// <summary>
    /// Sends as many frames as the transport accepts without waiting, but begins at least one. Only when <see cref="IsReady"/>. If it is not
    /// ready afterwards, <see cref="FinishAsync"/> must follow.
    /// </summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public int Write(in FrameBatch batch)
    {
        if (batch.Bytes.IsEmpty)
            return batch.Count;
        var accepted = transport.TrySend(batch.Bytes);
        if (!batch.Payload.IsEmpty)
        {
            WriteLarge(batch, accepted);
            Count(batch.Count, batch.Bytes.Length + batch.Payload.Length);
            return batch.Count;
        }
        var end = batch.Bytes.Length;
        var begun = accepted == end ? batch.Count : KeepRest(batch.Bytes, accepted, out end);
        Count(begun, end);
        return begun;
    }

    /// <summary>Sends one frame. What the transport does not accept is kept, not copied: the caller must not change it afterwards.</summary>
    public void WriteWhole(ReadOnlyMemory<byte> frame)
    {
        var accepted = transport.TrySend(frame);
        if (accepted < frame.Length)
            rest = frame[accepted..];
        Count(0, frame.Length);
    }

    /// <summary>Waits until the frame that was begun is sent, and the transport accepts the next one.</summary>
    public async ValueTask FinishAsync()
    {
        var (own, shared) = (rest, sharedRest);
        (rest, sharedRest) = (default, default);
        await transport.WhenReadyAsync();
        if (!own.IsEmpty)
            await transport.SendAsync(own);
        if (!shared.IsEmpty)
            await transport.SendAsync(shared);
    }

    private void WriteLarge(in FrameBatch batch, int accepted)
    {
        if (accepted < batch.Bytes.Length)
            rest = batch.Bytes[accepted..].ToArray();
        sharedRest = batch.Payload;
        while (rest.IsEmpty && !sharedRest.IsEmpty && transport.IsReady)
        {
            accepted = transport.TrySend(sharedRest);
            sharedRest = sharedRest[accepted..];
            if (accepted == 0)
                break;
        }
    }

    /// <summary>Finds the frame in which the transport stopped, and copies its rest.</summary>
    /// <returns>How many frames were begun.</returns>
    private int KeepRest(ReadOnlyMemory<byte> frames, int accepted, out int end)
    {
        var begun = 0;
        end = 0;
        do
        {
            end += format.FrameLength(frames.Span[end..]);
            begun++;
        }
        while (end < accepted);
        if (end > accepted)
            rest = frames[accepted..end].ToArray();
        return begun;
    }

    /// <summary>Counts in plain fields, because this is called for each delivery (see <see cref="ConnectionCounters"/>).</summary>
    private void Count(int begun, int length)
    {
        messages += begun;
        bytes += length;
    }
}

/// <summary>What a connection was sent.</summary>
/// <param name="Messages">Messages, and gaps where the format has a frame for them.</param>
/// <param name="Bytes">Bytes of all frames.</param>
internal readonly record struct SentTotals(long Messages, long Bytes);
