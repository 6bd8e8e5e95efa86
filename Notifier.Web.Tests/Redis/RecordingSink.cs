using System.Collections.Concurrent;
using System.Text;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Tests.Redis;

/// <summary>Replaces the subscribers of a name: appends delivered messages, and records them as sent when they are broadcast.</summary>
internal sealed class RecordingSink(Name name, ConcurrentQueue<string> calls) : IMessageSink, IBroadcast
{
    private readonly Lock gate = new();
    private readonly List<Message> waiting = [];
    private bool isGiven;
    private int delivering;
    private int broadcasting;

    public Name Name => name;

    /// <summary>The largest number of messages that one broadcast sends.</summary>
    public int MaxAtOnce { get; set; } = int.MaxValue;

    /// <summary>Called before messages are appended.</summary>
    public Action<RecordingSink, string[]> Delivering { get; set; } = static (_, _) => { };

    /// <summary>Called after messages were appended.</summary>
    public Action Delivered { get; set; } = static () => { };

    public Action NotingGap { get; set; } = static () => { };

    /// <summary>Whether to drop the messages that arrive.</summary>
    public Func<bool> Full { get; set; } = static () => false;

    public bool IsDropping => Full();

    /// <summary>Called in each broadcast before it sends.</summary>
    public Action<RecordingSink> Broadcasting { get; set; } = static _ => { };

    /// <summary>The duration that a broadcast reports.</summary>
    public TimeSpan Took { get; set; }

    /// <summary>The callback of the running broadcast.</summary>
    public Action<int>? Sent { get; private set; }

    /// <summary>The messages that were broadcast.</summary>
    public ConcurrentQueue<string> Received { get; } = [];

    public ConcurrentQueue<byte[]> Payloads { get; } = [];

    public int DeliveredCount { get; private set; }

    public bool WasUsedByTwoThreads { get; private set; }

    public void Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        WasUsedByTwoThreads |= Interlocked.Increment(ref delivering) != 1;
        try
        {
            var texts = Array.ConvertAll(messages.ToArray(), Show);
            Delivering(this, texts);
            calls.Enqueue($"deliver {name} {string.Join(' ', texts)}");
            DeliveredCount += messages.Length;
            Append(messages, due);
            Delivered();
        }
        finally
        {
            Interlocked.Decrement(ref delivering);
        }
    }

    public void Drop(int messages, List<IBroadcast> due) => calls.Enqueue($"drop {name} {messages}");

    public void OnGap(GapCode code, List<IBroadcast> due)
    {
        NotingGap();
        calls.Enqueue($"gap {name} {code}");
        Append([Message.GapOf(code)], due);
    }

    public void OnDenied(string reason) => calls.Enqueue($"refuse {name}");

    private void Append(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        lock (gate)
        {
            waiting.AddRange(messages);
            if (isGiven)
                return;
            isGiven = true;
        }
        due.Add(this);
    }

    public BroadcastResult Broadcast(Action<int>? sent)
    {
        WasUsedByTwoThreads |= Interlocked.Increment(ref broadcasting) != 1;
        Message[] batch;
        lock (gate)
        {
            batch = [.. waiting.Take(MaxAtOnce)];
            waiting.RemoveRange(0, batch.Length);
        }
        Sent = sent;
        Broadcasting(this);
        var texts = Array.ConvertAll(batch, Show);
        calls.Enqueue($"broadcast {name} {string.Join(' ', texts)}");
        foreach (var message in batch)
            Payloads.Enqueue(message.Payload.ToArray());
        foreach (var text in texts)
            Received.Enqueue(text);
        Interlocked.Decrement(ref broadcasting);
        lock (gate)
            return new(isGiven = waiting.Count > 0, batch.Length, Took);
    }

    private static string Show(Message message) =>
        message.Gap != GapCode.None ? $"({message.Gap})" : Show(Encoding.UTF8.GetString(message.Channel.Span), message.Payload.Span);

    /// <summary>The text of a message in <see cref="Received"/>. A long payload is shortened.</summary>
    public static string Show(string channel, ReadOnlySpan<byte> payload)
    {
        var text = payload.Length > 200 ? $"{Encoding.UTF8.GetString(payload[..20])}… ({payload.Length} bytes)" : Encoding.UTF8.GetString(payload);
        return channel.Length == 0 ? text : $"{channel}={text}";
    }
}
