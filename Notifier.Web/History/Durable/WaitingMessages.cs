using System.Runtime.InteropServices;
using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>
/// The messages of a name with durable channels that Redis has delivered and the follower has not appended yet. Under the follower's lock; a field, never
/// copied.
/// </summary>
/// <remarks>Bounded like <see cref="UnsentMessages"/>. Durable messages that are dropped here are fetched later.</remarks>
internal struct WaitingMessages()
{
    private List<Message> messages = [];

    /// <summary>In <see cref="Message.Size"/>.</summary>
    private long bytes;

    /// <summary>How many of the messages came before the current fetch.</summary>
    public int BeforeFetch { get; private set; }

    public readonly int Count => messages.Count;

    public readonly bool IsFull => messages.Count > UnsentMessages.MaxMessages || bytes > UnsentMessages.MaxBytes;

    public readonly ReadOnlySpan<Message> Span => CollectionsMarshal.AsSpan(messages);

    public void Add(ReadOnlySpan<Message> received)
    {
        messages.AddRange(received);
        AddBytes(received);
    }

    public readonly void AddGap(GapCode code) => messages.Add(Message.GapOf(code));

    /// <summary>Puts messages that cannot be appended yet before those that came meanwhile.</summary>
    public void PutBack(ReadOnlySpan<Message> first)
    {
        messages.InsertRange(0, first);
        AddBytes(first);
    }

    /// <summary>Puts a gap before all messages. It counts as one that came before the current fetch.</summary>
    public void PutBackGap(GapCode code)
    {
        messages.Insert(0, Message.GapOf(code));
        BeforeFetch++;
    }

    /// <summary>Exchanges all messages for an empty list.</summary>
    public void MoveTo(ref List<Message> empty)
    {
        (messages, empty) = (empty, messages);
        bytes = 0;
    }

    /// <summary>Drops all messages and leaves a gap in their place.</summary>
    public void Drop()
    {
        messages.Clear();
        AddGap(GapCode.Overload);
        (bytes, BeforeFetch) = (0, 0);
    }

    public void OnFetch() => BeforeFetch = messages.Count;

    private void AddBytes(ReadOnlySpan<Message> added)
    {
        foreach (ref readonly var message in added)
            bytes += message.Size;
    }
}
