using System.Buffers;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// The upgraded stream that .NET's WebSocket uses. Reads come from the real stream; writes go to the connection, so that they do not interrupt
/// one of its frames. .NET writes one whole frame with each WriteAsync, so the first byte has the frame's opcode. There are only control frames,
/// because messages are not sent through .NET.
/// </summary>
/// <param name="inner">The real stream.</param>
/// <param name="connection">The connection.</param>
/// <param name="input">Limits what arrives.</param>
/// <param name="metered">The input of its TCP connection, or null if that is not limited.</param>
internal sealed class WebSocketStream(Stream inner, Connection connection, ClientInput input, MeteredInput? metered = null) : Stream
{
    /// <summary>After so many reads that did not have to wait, the receive loop leaves its thread to others.</summary>
    private const int ReadsAtOnce = 64;

    /// <summary>How much of a client that sends too much is discarded, so that it receives the close frame: a reset could overtake that.</summary>
    private const int DiscardedBytes = 256 * 1024;

    private const int DiscardBuffer = 4 * 1024;

    private int readsAtOnce;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        input.OnRead();
        var reading = inner.ReadAsync(buffer, cancellationToken);
        if (!reading.IsCompletedSuccessfully)
        {
            readsAtOnce = 0;
            // While a client is silent, .NET waits for it with an empty buffer. A further asynchronous method would cost memory for each connection.
            return buffer.IsEmpty ? reading : CountAsync(reading);
        }
        var bytes = reading.Result;
        metered?.Credit(bytes);
        return !input.TryCount(bytes) ? RefuseAsync(cancellationToken)
            : ++readsAtOnce % ReadsAtOnce == 0 ? YieldAsync(bytes)
            : new(bytes);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        switch (ServerFrame.Opcode(buffer.Span))
        {
            case ServerFrame.Pong:
                input.OnPing();
                // Without waiting: .NET's receive loop awaits this call, and would wait for a whole backlog.
                connection.SendPong(buffer.ToArray());
                return ValueTask.CompletedTask;
            case ServerFrame.Close:
                return new ValueTask(connection.CloseAsync(CloseReason.ProtocolError, buffer.ToArray()));
            case var opcode:
                throw new InvalidOperationException(
                    $".NET's WebSocket sent a frame with opcode {opcode}; messages must go through the hub.");
        }
    }

    private async ValueTask<int> CountAsync(ValueTask<int> reading)
    {
        var bytes = await reading;
        metered?.Credit(bytes);
        return input.TryCount(bytes) ? bytes : await RefuseAsync(CancellationToken.None);
    }

    private static async ValueTask<int> YieldAsync(int bytes)
    {
        await Task.Yield();
        return bytes;
    }

    /// <summary>Closes the connection. .NET never returns from a receive while pings arrive, so it must see the end of the stream.</summary>
    private async ValueTask<int> RefuseAsync(CancellationToken cancellationToken)
    {
        if (connection.CloseRequested is null)
            _ = connection.CloseAsync(CloseReason.TooManyFrames);
        var buffer = ArrayPool<byte>.Shared.Rent(DiscardBuffer);
        try
        {
            for (var left = DiscardedBytes; left > 0;)
            {
                await Task.Yield();
                var discarded = await inner.ReadAsync(buffer, cancellationToken);
                left = discarded == 0 ? 0 : left - discarded;
            }
            return 0;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    // Disposing does nothing: the request ends the inner stream after the connection was retired. Before that, the connection may still be
    // writing.

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
