using System.Net.WebSockets;
using Notifier.Connections;
using Notifier.Tests.Support;

namespace Notifier.Tests.Connections;

/// <summary>The reader with .NET's WebSocket.</summary>
public sealed class WebSocketReaderTests : ClientReaderTests, IDisposable
{
    private readonly RecordingStream stream;
    private readonly WebSocket socket;

    public WebSocketReaderTests() : this(new RecordingStream { ReadsAtMost = 1 })
    {
    }

    private WebSocketReaderTests(RecordingStream stream)
        : this(stream, WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.Zero }))
    {
    }

    private WebSocketReaderTests(RecordingStream stream, WebSocket socket) : base(new WebSocketReader(socket, ConnectionOver(new ScriptedTransport()))) =>
        (this.stream, this.socket) = (stream, socket);

    public void Dispose()
    {
        socket.Dispose();
        stream.Dispose();
    }

    private protected override Task SendsAsync(byte[] bytes) => stream.ClientSendsAsync(bytes);
}
