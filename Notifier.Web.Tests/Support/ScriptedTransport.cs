using System.Buffers;
using Notifier.Connections;

namespace Notifier.Tests.Support;

/// <summary>A transport that accepts as many bytes as the test says, and records them.</summary>
internal sealed class ScriptedTransport : Transport
{
    private readonly ArrayBufferWriter<byte> taken = new();
    private TaskCompletionSource? unready;
    private int progress;

    /// <summary>The number of offered bytes that the transport accepts. All of them by default.</summary>
    public Func<int, int> Takes { get; set; } = static length => length;

    /// <summary>Whether the transport is ready after an offer. If not, <see cref="BecomeReady"/> makes it ready.</summary>
    public Func<bool> StaysReady { get; set; } = static () => true;

    /// <summary>The task that a send to the end awaits before each piece.</summary>
    public Func<Task> Sends { get; set; } = static () => Task.CompletedTask;

    public bool IsBroken { get; set; }

    public byte[] Taken => taken.WrittenSpan.ToArray();

    public int Offers { get; private set; }

    public override bool IsReady => unready is null;

    /// <summary>Its peer is always alive.</summary>
    public override Progress Progress
    {
        get
        {
            progress++;
            return new(progress, progress);
        }
    }

    public override int TrySend(ReadOnlyMemory<byte> bytes)
    {
        if (!IsReady)
            throw new InvalidOperationException("Something was offered to a transport that is not ready.");
        Offers++;
        if (IsBroken)
            return bytes.Length;
        var count = Takes(bytes.Length);
        taken.Write(bytes.Span[..count]);
        if (!StaysReady())
            unready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return count;
    }

    public override async ValueTask WhenReadyAsync()
    {
        if (unready is { } waiting)
            await waiting.Task;
    }

    public override async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        if (!IsReady)
            throw new InvalidOperationException("Something was sent through a transport that is not ready.");
        await Sends();
        if (!IsBroken)
            taken.Write(bytes.Span);
    }

    public void BecomeReady()
    {
        var waiting = unready;
        unready = null;
        waiting?.SetResult();
    }
}
