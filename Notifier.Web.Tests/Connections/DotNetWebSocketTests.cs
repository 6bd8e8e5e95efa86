using System.Net.WebSockets;
using FluentAssertions;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>The behaviour of .NET's WebSocket that WebSocketStream relies on and that no documentation guarantees.</summary>
public sealed class DotNetWebSocketTests : IDisposable
{
    private readonly RecordingStream stream = new();
    private readonly WebSocket socket;

    public DotNetWebSocketTests() =>
        socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.Zero });

    public void Dispose()
    {
        socket.Dispose();
        stream.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(3 * 1024 * 1024)]
    public async Task A_message_is_written_by_dotnet_as_one_whole_frame_and_then_flushed(int length)
    {
        await socket.SendAsync(new byte[length], WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);

        OnlyWrite(ServerFrame.Binary).Length.Should().Be(length);
        stream.Calls.Should().Equal("WriteAsync", "FlushAsync");
    }

    [Fact]
    public async Task A_ping_is_answered_with_one_write_of_a_pong_that_carries_its_payload()
    {
        var receiving = ReceiveAsync();

        await stream.ClientSendsAsync(0x89, 0x83, 0, 0, 0, 0, 7, 8, 9);
        await stream.ClientSendsAsync(0x81, 0x80, 0, 0, 0, 0);

        (await receiving).MessageType.Should().Be(WebSocketMessageType.Text);
        OnlyWrite(ServerFrame.Pong).ToArray().Should().Equal(7, 8, 9);
    }

    [Fact]
    public async Task Receiving_waits_until_the_pong_was_written()
    {
        var gate = new TaskCompletionSource();
        stream.Gate = gate.Task;
        var receiving = ReceiveAsync();

        await stream.ClientSendsAsync(0x89, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0);
        await Eventually.IsAsync(() => stream.Writes.Count == 1, "the pong is being written");

        receiving.IsCompleted.Should().BeFalse();
        gate.SetResult();
        await receiving;
    }

    [Fact]
    public async Task A_close_is_written_by_dotnet_as_one_close_frame()
    {
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "bye", CancellationToken.None);

        OnlyWrite(ServerFrame.Close).ToArray().Should().Equal([3, 232, .. "bye"u8]);
    }

    [Theory]
    [InlineData(1002, new byte[] { 0xC1, 0x80, 0, 0, 0, 0 })]               // a reserved bit
    [InlineData(1002, new byte[] { 0x83, 0x80, 0, 0, 0, 0 })]               // a reserved opcode
    [InlineData(1002, new byte[] { 0x81, 0x04, 65, 65, 65, 65 })]           // no mask
    [InlineData(1002, new byte[] { 0x80, 0x80, 0, 0, 0, 0 })]               // continues nothing
    [InlineData(1002, new byte[] { 0x09, 0x80, 0, 0, 0, 0 })]               // a fragmented control frame
    [InlineData(1002, new byte[] { 0x89, 0xFE, 0, 126, 0, 0, 0, 0 })]       // a control frame of 126 bytes
    [InlineData(1002, new byte[] { 0x88, 0x81, 0, 0, 0, 0, 3 })]            // half a close code
    [InlineData(1002, new byte[] { 0x88, 0x82, 0, 0, 0, 0, 3, 231 })]       // close code 999
    [InlineData(1007, new byte[] { 0x81, 0x81, 0, 0, 0, 0, 0xFF })]         // text that is not UTF-8
    public async Task A_protocol_violation_is_answered_by_dotnet_with_one_close_frame(int code, byte[] frame)
    {
        var receiving = ReceiveAsync();

        await stream.ClientSendsAsync(frame);

        await receiving.Invoking(task => task).Should().ThrowAsync<WebSocketException>();
        OnlyWrite(ServerFrame.Close).ToArray().Should().Equal((byte)(code >> 8), (byte)code);
    }

    private async Task<ValueWebSocketReceiveResult> ReceiveAsync() =>
        await socket.ReceiveAsync(new byte[16].AsMemory(), CancellationToken.None).AsTask().WaitAsync(Eventually.Limit);

    /// <returns>The payload of the one frame that was written.</returns>
    private ReadOnlyMemory<byte> OnlyWrite(byte opcode)
    {
        var frame = stream.Writes.Should().ContainSingle().Subject;
        frame[0].Should().Be((byte)(ServerFrame.Final | opcode));
        ServerFrame.Length(frame).Should().Be(frame.Length);
        return frame.AsMemory(frame[1] switch { 126 => 4, 127 => ServerFrame.MaxHeader, _ => 2 });
    }
}
