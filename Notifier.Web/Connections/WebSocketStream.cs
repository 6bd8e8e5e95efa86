using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// The upgraded stream that .NET's WebSocket uses. Reads come from the real stream; writes go to the connection, so that they do not interrupt
/// one of its frames. .NET writes one whole frame with each WriteAsync, so the first byte has the frame's opcode. There are only control frames,
/// because messages are not sent through .NET.
/// </summary>
internal sealed class WebSocketStream(Stream inner, Connection connection) : Stream
{
    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        connection.OnRead();
        return inner.ReadAsync(buffer, cancellationToken);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        switch (ServerFrame.Opcode(buffer.Span))
        {
            case ServerFrame.Pong:
                // Without waiting: .NET's receive loop awaits this call, and would wait for a whole backlog.
                connection.SendPong(buffer.ToArray());
                return ValueTask.CompletedTask;
            case ServerFrame.Close:
                return new ValueTask(connection.CloseAsync(CloseReason.FromDotNet, buffer.ToArray()));
            case var opcode:
                throw new InvalidOperationException(
                    $".NET's WebSocket sent a frame with opcode {opcode}; messages must go through the hub.");
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
