using System.Text;
using Notifier.Configuration;

namespace Notifier.Operations;

/// <summary>
/// Secrets that come as files, as Docker, Kubernetes and systemd hand them over: a command line and an environment are seen by more
/// eyes. For each key here that ends in <c>File</c>, the file's content is the value of the key without it.
/// </summary>
internal static class SecretFiles
{
    private const int MaxBytes = 64 * 1024;

    private static readonly string[] Keys = ["Redis:Configuration", "Access:Tokens:Secret"];

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Once all other sources are in, and before anything is bound. The files are read once.</summary>
    /// <exception cref="StartupException">One cannot be used. The message never holds what is in it.</exception>
    public static void Read(ConfigurationManager configuration)
    {
        var values = new Dictionary<string, string?>();
        foreach (var key in Keys)
        {
            if (configuration[key + "File"] is not { Length: > 0 } path)
                continue;
            if (configuration[key] is { Length: > 0 })
                throw new StartupException(
                    $"{key} and {key}File are both set. Remove {key} to use the file, or {key}File to use the value.");
            values[key] = Read(key + "File", path);
        }
        configuration.AddInMemoryCollection(values);
    }

    private static string Read(string key, string path)
    {
        try
        {
            // An editor, or echo, ends a file with a line end that is no part of the secret.
            return Strict.GetString(ReadBytes(key, path)).TrimStart('\uFEFF').TrimEnd() is { Length: > 0 } value
                ? value
                : throw Wrong(key, path, "is empty");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Wrong(key, path, "does not exist");
        }
        catch (UnauthorizedAccessException)
        {
            throw Wrong(key, path, Directory.Exists(path) ? "is a directory" : "may not be read by the user that Notifier runs as");
        }
        catch (IOException error)
        {
            throw Wrong(key, path, $"cannot be read ({error.Message})");
        }
        catch (DecoderFallbackException)
        {
            throw Wrong(key, path, "is not text in UTF-8");
        }
    }

    /// <summary>By reading, not by asking for the length: a pipe has none.</summary>
    private static byte[] ReadBytes(string key, string path)
    {
        using var file = File.OpenRead(path);
        var bytes = new byte[MaxBytes + 1];
        var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return length <= MaxBytes ? bytes[..length] : throw Wrong(key, path, $"has more than {MaxBytes} bytes, so it is another file");
    }

    private static StartupException Wrong(string key, string path, string what) => new($"{key} is {path}, which {what}.");
}
