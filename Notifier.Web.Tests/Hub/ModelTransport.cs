using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Tests.Hub;

/// <summary>
/// A peer of the model: it accepts a random number of bytes, stalls and continues when the test says so, and records the received frames.
/// Like a socket, it may accept part of a frame.
/// </summary>
internal sealed class ModelTransport(int seed) : Transport
{
    private readonly Lock gate = new();
    private readonly Random random = new(seed);
    private readonly List<byte> received = [];
    private TaskCompletionSource? stalled;

    public override bool IsReady => true;

    public override Progress Progress => new(received.Count, received.Count);

    public byte[] Received
    {
        get
        {
            lock (gate)
                return [.. received];
        }
    }

    public void Stall()
    {
        lock (gate)
            stalled ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void GoOn()
    {
        lock (gate)
        {
            stalled?.TrySetResult();
            stalled = null;
        }
    }

    public override int TrySend(ReadOnlyMemory<byte> bytes)
    {
        lock (gate)
        {
            // Usually accepts everything; sometimes a part, as when a kernel's buffer is nearly full.
            var taken = stalled is not null ? random.Next(0, Math.Min(bytes.Length, 20)) : random.Next(4) > 0 ? bytes.Length : random.Next(bytes.Length + 1);
            received.AddRange(bytes.Span[..taken]);
            return taken;
        }
    }

    public override ValueTask WhenReadyAsync() => ValueTask.CompletedTask;

    public override async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        Task? wait;
        lock (gate)
            wait = stalled?.Task;
        if (wait is not null)
            await wait;
        lock (gate)
            received.AddRange(bytes.Span);
    }

    /// <summary>The completely received frames, in order.</summary>
    public IEnumerable<(byte Opcode, byte[] Payload)> Frames()
    {
        var bytes = Received;
        for (var at = 0; at < bytes.Length;)
        {
            var frame = bytes.AsSpan(at, ServerFrame.Length(bytes.AsSpan(at)));
            at += frame.Length;
            yield return (ServerFrame.Opcode(frame), frame[ServerFrame.HeaderLength(PayloadLength(frame))..].ToArray());
        }
    }

    private static int PayloadLength(ReadOnlySpan<byte> frame) => frame[1] switch
    {
        126 => frame.Length - 4,
        127 => frame.Length - ServerFrame.MaxHeader,
        _ => frame.Length - 2,
    };
}
