using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// The upgraded stream as .NET's WebSocket sees it. It reads from the real one; what it writes goes to the connection,
/// whose own frames must not be torn. .NET writes one whole frame with each WriteAsync, so the first byte tells which:
/// only control frames come, for data is never sent through .NET.
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
                // Done at once: .NET's receive loop waits for it, and would wait for a whole backlog.
                connection.SendPong(buffer.ToArray());
                return ValueTask.CompletedTask;
            case ServerFrame.Close:
                return new ValueTask(connection.CloseAsync(CloseReason.FromDotNet, buffer.ToArray()));
            case var opcode:
                throw new InvalidOperationException(
                    $"A frame with opcode {opcode} came from .NET's WebSocket; messages go through the hub.");
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    // Disposing does nothing: the request ends the inner stream, after the connection was retired. Before that, bytes of
    // ours may still be on their way.

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
