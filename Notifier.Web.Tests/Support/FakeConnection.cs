using System.Net.WebSockets;
using System.Text.Json;
using Channels = System.Threading.Channels;

namespace Notifier.Tests.Support;

/// <summary>One connection of a page to the fake server.</summary>
internal sealed class FakeConnection(Func<string, Task> send, WebSocket? socket)
{
    private readonly Channels.Channel<JsonElement> commands = Channels.Channel.CreateUnbounded<JsonElement>();
    private static readonly string[] Kinds = ["channel", "pattern"];
    private static readonly string[] Spoken = ["type", "channel", "pattern", "after", "last", "token"];

    private Task sent = Task.CompletedTask;
    private bool isClosing;

    public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string? Authorization { get; init; }

    /// <summary>The names of an event stream, as the form that the page posted.</summary>
    public string? Query { get; init; }

    /// <summary>The number of commands that the test has not read yet.</summary>
    public int Unread => commands.Reader.Count;

    /// <summary>Whether subscribe commands are confirmed automatically.</summary>
    public bool Confirms { get; set; } = true;

    /// <summary>Whether pings are answered.</summary>
    public bool Pongs { get; set; } = true;

    /// <summary>
    /// Sends after all earlier frames, because a socket sends one frame at a time. After the close nothing is sent: an error would end the connection with a
    /// reset, which may overtake the close.
    /// </summary>
    public Task SendAsync(object frame)
    {
        lock (commands)
            return isClosing ? Task.CompletedTask : sent = SendAfterAsync(sent, frame as string ?? JsonSerializer.Serialize(frame));
    }

    private async Task SendAfterAsync(Task before, string text)
    {
        await before;
        await send(text);
    }

    private async Task CloseAfterAsync(Task before, WebSocketCloseStatus code, string reason)
    {
        await before;
        await socket!.CloseOutputAsync(code, reason, CancellationToken.None);
    }

    public Task CloseAsync(int code, string reason)
    {
        lock (commands)
        {
            isClosing = true;
            return sent = CloseAfterAsync(sent, (WebSocketCloseStatus)code, reason);
        }
    }

    /// <summary>Ends the connection like a killed server.</summary>
    public void Abort() => socket!.Abort();

    public async Task<JsonElement> ReadAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        return await commands.Reader.ReadAsync(limit.Token);
    }

    /// <summary>The type and name of the next command, such as <c>subscribe orders.*</c>, and <c>after</c> if present.</summary>
    public async Task<string> ReadTextAsync() => TextOf(await ReadAsync());

    public static string TextOf(JsonElement command)
    {
        string?[] words = [.. Spoken.Select(key => command.TryGetProperty(key, out var value) ? value.ToString() : null)];
        return string.Join(' ', words.OfType<string>());
    }

    public async Task TakeAsync(JsonElement command)
    {
        var type = command.GetProperty("type").GetString();
        if (type == "subscribe" && Confirms)
            await ConfirmAsync(command);
        if (type == "ping" && Pongs)
            await SendAsync(new { type = "pong" });
        commands.Writer.TryWrite(command);
    }

    public Task ConfirmAsync(JsonElement command)
    {
        var answer = new Dictionary<string, object> { ["type"] = "subscribed", ["id"] = command.GetProperty("id").GetInt64() };
        foreach (var kind in Kinds)
        {
            if (command.TryGetProperty(kind, out var name))
                answer[kind] = name.GetString()!;
        }
        if (command.TryGetProperty("after", out _))
            answer["recovered"] = true;
        return SendAsync(answer);
    }
}
