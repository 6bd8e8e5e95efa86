using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using FluentAssertions;
using Notifier.Tests.Names;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>Whatever a client sends on a WebSocket, Notifier answers each command or closes the connection with a documented code.</summary>
public sealed class CommandFuzzTests(ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly int[] Closes = [1007, 4400, 4403, 4413];

    private FuzzTarget target = null!;
    private RawWebSocket? client;
    private int number;

    public async Task InitializeAsync() => target = await FuzzTarget.StartAsync();

    public async Task DisposeAsync() => await target.DisposeAsync();

    [Fact]
    public async Task Any_command_is_answered_once_or_closes_the_connection()
    {
        var (answered, closed) = (0, 0);

        await Fuzz.Command.Array[1, 6].SampleAsync(
            async commands =>
            {
                client ??= await ConnectAsync("notifier.v1");
                if (await AreAnsweredAsync(commands))
                    answered += commands.Length;
                else
                    closed++;
            },
            iter: 1_500, time: Fuzz.Seconds, threads: 1, print: Fuzz.Show);

        output.WriteLine($"{number} groups of commands: {answered} answers, {closed} closes.");
        answered.Should().BeGreaterThan(number / 2);
        closed.Should().BeGreaterThan(number / 50);
        if (client is not null)
            (await AreAnsweredAsync([])).Should().BeTrue();      // Notifier answered no command twice
        await EndsAsync();
    }

    [Fact]
    public async Task Any_name_is_accepted_or_rejected_in_plain_text()
    {
        var (taken, refused) = (0, 0);

        await Gen.OneOf(Globs.Pattern, Fuzz.Channel).SampleAsync(
            async name =>
            {
                number++;
                client ??= await ConnectAsync();
                await client.SendAsync(Frame.TextOpcode, name);
                await client.SendAsync(Frame.PingOpcode, BitConverter.GetBytes(number));
                Frame frame;
                do
                    frame = await client.ReadFrameAsync() ?? throw new IOException("ended without a close");
                while (frame.Opcode is not (Frame.CloseOpcode or Frame.PongOpcode));
                if (frame.Opcode == Frame.PongOpcode)
                {
                    BitConverter.ToInt32(frame.Payload).Should().Be(number);
                    if (++taken % 10 == 0)
                        await LeaveAsync();     // the number of names per connection is limited
                    return;
                }
                frame.CloseCode.Should().BeOneOf(Closes);
                refused++;
                await LeaveAsync();
            },
            iter: 1_500, time: Fuzz.Seconds, threads: 1, print: Globs.Show);

        output.WriteLine($"{number} names: {taken} accepted, {refused} rejected.");
        taken.Should().BeGreaterThan(number / 10);
        refused.Should().BeGreaterThan(number / 50);
        await EndsAsync();
    }

    private Task<RawWebSocket> ConnectAsync(string? subprotocol = null) => RawWebSocket.ConnectAsync(
        target.App.WebSocketAddress(), headers: subprotocol is null ? "" : $"Sec-WebSocket-Protocol: {subprotocol}\r\n");

    /// <summary>
    /// Sends commands and reads until each has its answer. Notifier confirms a name when Redis has confirmed it, so that answer may come after later ones. A
    /// superfluous answer is found with the next commands.
    /// </summary>
    /// <returns>False if the server closed the connection instead.</returns>
    private async Task<bool> AreAnsweredAsync(byte[][] commands)
    {
        var end = $"end-{++number}";
        byte[][] all = [.. commands, Encoding.UTF8.GetBytes($$"""{"type":"ping","id":"{{end}}"}""")];
        await client!.SendRawAsync([.. all.SelectMany(static command => RawWebSocket.Masked(Frame.TextOpcode, command))]);
        var (answers, isEnd) = (0, false);
        try
        {
            while (!isEnd || answers < commands.Length)
            {
                var frame = await client.ReadFrameAsync() ?? throw new IOException("The server has ended the connection without a close.");
                if (frame.Opcode == Frame.CloseOpcode)
                {
                    frame.CloseCode.Should().BeOneOf(Closes);
                    await LeaveAsync();
                    return false;
                }
                if (frame.Opcode == Frame.PingOpcode)
                    continue;
                var said = JsonNode.Parse(frame.Text)!.AsObject();
                var type = (string)said["type"]!;
                type.Should().BeOneOf("welcome", "ping", "subscribed", "unsubscribed", "pong", "error");
                if (type == "pong" && said["id"] is JsonValue id && id.TryGetValue(out string? text) && text == end)
                    isEnd = true;
                else if (type is not ("welcome" or "ping"))
                    answers++;
            }
            answers.Should().Be(commands.Length);
            return true;
        }
        catch (IOException error) when (error.InnerException is System.Net.Sockets.SocketException)
        {
            // Invalid UTF-8 ends the connection at once. Bytes that the client sent after it cause a TCP reset, in which the close frame may be lost.
            await LeaveAsync();
            return false;
        }
        catch
        {
            await LeaveAsync();     // else the search for a smaller input would read answers to this one
            throw;
        }
    }

    private async Task LeaveAsync()
    {
        if (client is null)
            return;
        client.Abort();
        await client.DisposeAsync();
        client = null;
    }

    private async Task EndsAsync()
    {
        await LeaveAsync();
        await target.Leaks.NothingIsLeftAsync();
    }
}
