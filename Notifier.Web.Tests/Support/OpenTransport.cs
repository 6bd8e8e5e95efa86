using Notifier.Connections;

namespace Notifier.Tests.Support;

/// <summary>A transport that takes everything at once and keeps nothing of it: what remains is the cost of getting there.</summary>
internal sealed class OpenTransport : Transport
{
    /// <summary>How many bytes it was given.</summary>
    public long Taken { get; private set; }

    public override bool IsReady => true;

    public override Progress Progress => new(Taken, Taken);

    public override int TrySend(ReadOnlyMemory<byte> bytes)
    {
        Taken += bytes.Length;
        return bytes.Length;
    }

    public override ValueTask WhenReadyAsync() => ValueTask.CompletedTask;

    public override ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        Taken += bytes.Length;
        return ValueTask.CompletedTask;
    }
}
