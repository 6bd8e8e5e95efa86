using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Operations;

/// <summary>Describes to the operator why the process cannot start: all errors, each once, in one line and without a stack trace.</summary>
internal static class StartupFailure
{
    private const string Kestrel = "Microsoft.AspNetCore.Server.Kestrel";
    private const string Addresses = "(urls, or Kestrel:Endpoints)";

    /// <summary>The message; null if the operator cannot fix the cause (a bug).</summary>
    public static string? Describe(Exception error) => DescribeError(error)?.ReplaceLineEndings(" ");

    private static string? DescribeError(Exception error) => error switch
    {
        StartupException => error.Message,
        // If invalid options are needed to validate others, both validations fail with the same message.
        AggregateException several when several.InnerExceptions.All(inner => inner is OptionsValidationException) =>
            string.Join(' ', several.InnerExceptions.SelectMany(inner => ((OptionsValidationException)inner).Failures).Distinct()),
        OptionsValidationException options => string.Join(' ', options.Failures),
        InvalidOperationException when error.Message.StartsWith("Failed to convert configuration value", StringComparison.Ordinal) => error.Message
            .Replace("to type 'System.TimeSpan'", "to a time; 00:01:00 is one minute", StringComparison.Ordinal)
            .Replace("to type 'System.Int32'", "to a whole number", StringComparison.Ordinal)
            .Replace("to type 'System.Boolean'", "to true or false", StringComparison.Ordinal),
        InvalidDataException { InnerException.InnerException: JsonException json } => DescribeFile(error.Message, json),
        IOException { InnerException: AddressInUseException } => error.Message,
        SocketException => $"The server cannot listen on a configured address {Addresses}: {error.Message}.",
        FormatException when error.Message.StartsWith("Invalid url: '", StringComparison.Ordinal) =>
            $"{error.Message["Invalid url: ".Length..]} is not an address of a server {Addresses}: write it with its scheme, for example http://127.0.0.1:9330.",
        InvalidOperationException when error.Message.StartsWith("Unable to configure HTTPS endpoint", StringComparison.Ordinal) =>
            $"The server has an address with https {Addresses}, but no certificate: set Kestrel:Certificates:Default:Path and :Password, or :Path and :KeyPath "
            + "for PEM files; or use http, behind a proxy that has the certificate (docs/proxies.md).",
        ArgumentOutOfRangeException { ParamName: "port" } => $"A port that the server should listen on {Addresses} is not a number from 0 to 65535.",
        CryptographicException => $"The certificate of the server cannot be used (Kestrel:Certificates, or Kestrel:Endpoints): {error.Message}",
        IOException or UnauthorizedAccessException => error.Message,
        _ when error.Source?.StartsWith(Kestrel, StringComparison.Ordinal) == true => $"The server cannot listen as configured {Addresses}: {error.Message}",
        _ => null,
    };

    /// <param name="message">Names the file.</param>
    /// <param name="json">Counts lines and bytes from zero.</param>
    private static string DescribeFile(string message, JsonException json)
    {
        var file = message.Split('\'') is [_, var path, ..] ? Path.GetFileName(path) : "A configuration file";
        // Behind the first two sentences of the library's text is the path, and the place once more.
        var what = json.Message.Split(" LineNumber:")[0].Split(" Path: ")[0];
        return $"{file} is not valid JSON in line {json.LineNumber + 1}, byte {json.BytePositionInLine + 1}: {what}";
    }
}
