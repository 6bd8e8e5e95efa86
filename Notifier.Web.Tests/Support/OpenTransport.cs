using Notifier.Connections;

namespace Notifier.Tests.Support;

/// <summary>
/// A transport that accepts everything at once and keeps nothing, so that a test measures only the path to the transport.
/// </summary>
internal sealed class OpenTransport : Transport
{
    /// <summary>The number of accepted bytes.</summary>
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
